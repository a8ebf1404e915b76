"""``fewray recipes`` and ``fewray summary``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fewray.cli.output import print_json, print_table
from fewray.cli.params import RECIPE_NAMES, AsJson

NOTES = (
    "Measured on covid4 at 64 px; docs/generators.md has the details. minutes: training, on one "
    "CPU core.",
    "KID: to images of unseen patients (extractor lite0). copies: of training images. windows: "
    "those copied.",
    "accuracy: of a classifier trained on the synthetic images alone. Empty: not measured.",
)


def recipes(as_json: AsJson = False) -> None:
    """List the generator recipes and what was measured of them."""
    from fewray.presets import RECIPE_NOTES, RECIPES, recipe_scores

    scores = recipe_scores()
    if as_json:
        listed = {name: options.to_json() for name, options in RECIPES.items()}
        print_json({name: each | {"measured": scores.get(name)} for name, each in listed.items()})
        return
    header = ("recipe", "description", "minutes", "KID", "copies", "windows", "accuracy")
    rows = [(name, note, *_measured(scores.get(name))) for name, note in RECIPE_NOTES.items()]
    print_table("Generator recipes", header, rows)
    for line in NOTES:
        print(line)


def _measured(scores: dict[str, Any] | None) -> tuple[str, ...]:
    """Return the cells of a recipe: empty if it was not measured."""
    if scores is None:
        return ("",) * 5
    return (
        str(scores["core_minutes"]),
        f"{scores['kid_held_out']['lite0']:.2f}",
        f"{scores['copies']:.1%}",
        f"{scores['copied_windows']:.1%}",
        f"{scores['accuracy']:.2f}",
    )


def summary(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help=f"Generator recipe: {RECIPE_NAMES}.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the layers, parameters and mult-adds of a recipe."""
    from fewray.generators.summary import summarise_recipe
    from fewray.presets import recipe as options_of

    networks = summarise_recipe(options_of(recipe))
    if not networks and not as_json:
        print(f"The recipe {recipe} has no networks.")
        return
    if as_json:
        layers = {name: [vars(layer) for layer in each.layers] for name, each in networks.items()}
        totals = {name: each.to_json() for name, each in networks.items()}
        print_json({**totals, "layers": layers})
        return
    header = ("Layer (type: depth-index)", "Output shape", "Param #", "Mult-adds")
    for number, (name, network) in enumerate(networks.items(), start=1):
        rows = [
            (
                layer.name,
                [-1, *layer.output],
                f"{layer.params:,}" if layer.params else "",
                f"{layer.mult_adds:,}",
            )
            for layer in network.layers
        ]
        print_table(f"Table {number}. {name}", header, rows)
        print(
            f"Total params: {network.params:,}\n"
            f"Total mult-adds (M): {network.mult_adds:.2f} (as the paper counts them; "
            f"actual: {network.true_mult_adds:.2f})\n"
            f"Input size (MB): {network.input_mb:.2f}\n"
            f"Forward/backward pass size (MB): {network.forward_backward_mb:.2f}\n"
            f"Params size (MB): {network.params_mb:.2f}\n"
            f"Estimated total size (MB): {network.total_mb:.2f}\n"
        )
