"""Generators, images, quality and a trial on drawn chest phantoms, in some ten minutes on two cores."""

import fewray

if __name__ == "__main__":  # training uses worker processes, which import this file
    data = fewray.load_dataset("phantom")
    fewray.train_generator(data, "runs/quickstart/gan", options="quick", resume=True)
    fewray.generate("runs/quickstart/gan", "runs/quickstart/synthetic", per_class=50)
    quality = fewray.measure_quality(data, "runs/quickstart/synthetic")
    for label, found in quality.classes.items():
        print(
            f"{label}: FID {found.fid:.1f}, KID {found.kid:.3f} ({found.extractor}, n = {found.num_real})"
        )
    print(fewray.run_study(data, "runs/quickstart/study", options="quick"))
