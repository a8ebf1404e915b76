"""Generators, images, quality and a study on chest phantoms; about ten minutes on two cores."""

import fewray

if __name__ == "__main__":  # training uses worker processes, which import this file
    data = fewray.load_dataset("phantom")
    fewray.train_generator(data, "runs/quickstart/gan", options="quick", resume=True)
    fewray.generate("runs/quickstart/gan", "runs/quickstart/synthetic", per_class=50)
    quality = fewray.measure_quality(data, "runs/quickstart/synthetic")
    for label, found in quality.classes.items():
        scores = f"FID {found.fid:.1f}, KID {found.kid:.3f}"
        print(f"{label}: {scores} ({quality.extractor}, n = {found.num_real})")
    print(fewray.run_study(data, "runs/quickstart/study", options="quick"))
