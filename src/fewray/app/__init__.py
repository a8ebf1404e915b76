"""The local web app of `fewray serve`: runs, images and reader studies."""
