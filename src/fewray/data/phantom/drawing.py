"""Draw one phantom radiograph from path lengths through smooth shapes."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from fewray.data.phantom import anatomy, bones, rendering
from fewray.data.phantom.canvas import Canvas, Pose
from fewray.data.phantom.lesions import disease
from fewray.data.phantom.options import CLASSES, invalid
from fewray.data.phantom.patient import grow_patient


def draw(
    label: str,
    *,
    patient_seed: int,
    image_seed: int,
    size: int,
    difficulty: float = 0.4,
    confound: rendering.Confound = "none",
) -> np.ndarray:
    """Draw one image: uint8 (size, size), from 0 black (air) to 255 white (bone).

    ``patient_seed`` fixes the anatomy and where the disease is; ``image_seed`` fixes positioning,
    exposure, noise and marks. Neither depends on the label: at ``difficulty`` 1 all labels give the
    same image. Sizes below 256 are drawn larger and averaged down, so that an image looks the same
    at every size except for its noise. The bytes are the same wherever numpy's exp and sqrt are,
    and within one grey level elsewhere. Raises InputError for an unknown label.
    """
    if label not in CLASSES:
        raise invalid("label", label, f"one of {', '.join(CLASSES)}")
    patient = grow_patient(patient_seed)
    rng = np.random.default_rng((patient_seed, image_seed, 7))
    pose = rendering.draw_pose(rng, patient.child)
    exposure = rendering.draw_exposure(rng)
    n = size * max(1, -(-256 // size))
    c, frame = Canvas(n, pose), Canvas(n, Pose())

    lung = anatomy.lungs(c, patient, pose)
    lost = disease(label, c, patient, lung, seed=patient_seed, strength=1 - difficulty)
    mottle = c.texture(np.random.default_rng((patient_seed, 8)), 0.10)
    air = np.maximum(lung.air - anatomy.mediastinum(c, patient, pose), 0)
    vessels = anatomy.vessels(c, patient, pose) * np.minimum(4 * air, 1)
    air = np.maximum(air * (1 + 0.05 * mottle) - vessels, 0) * (1 - lost)
    gas = 0.13 * anatomy.airways(c, pose) + 3.0 * anatomy.abdomen_gas(c, patient, pose)
    path = np.maximum(anatomy.body(c, patient) * (1 - 0.02 * mottle) - 0.80 * air - gas, 0)
    path += bones.ribs(c, patient, pose, lung)
    path += bones.spine(c, patient, pose)
    path += bones.clavicles(c, patient, pose)
    path += bones.shoulders(c, patient, pose)
    path += rendering.leads(c, rng)

    grey = rendering.expose(gaussian_filter(path, exposure.blur * n / 2), exposure)
    grey = grey * rendering.shutter(frame, rng)
    grey = np.maximum(grey, rendering.marks(frame, rng))
    grey = rendering.plant(rendering.add_noise(grey, exposure, rng), frame, confound)
    return rendering.reduce(grey, size)
