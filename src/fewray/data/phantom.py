from __future__ import annotations
import numpy as np
from fewray.data import phantom_anatomy as an, phantom_bones as bones, phantom_film as film_
from fewray.data.phantom_canvas import Canvas, Pose
from fewray.data.phantom_lesions import disease
from scipy.ndimage import gaussian_filter

def draw(label, *, patient_seed, film_seed, size, difficulty=0.5, confound="none"):
    patient = an.grow_patient(patient_seed)
    rng = np.random.default_rng((patient_seed, film_seed, 7))
    pose = film_.take_pose(rng, patient.child)
    exposure = film_.take_exposure(rng)
    n = size * max(1, -(-256 // size))
    c, film = Canvas(n, pose), Canvas(n, Pose())
    lung = an.lungs(c, patient, pose)
    lost = disease(label, c, patient, lung, seed=patient_seed, strength=1 - difficulty)
    centre = an.mediastinum(c, patient, pose)
    tex = np.random.default_rng((patient_seed, 8))
    air = np.maximum(lung.air - centre, 0)
    tubes = an.markings(c, patient.vessels[0]) + an.markings(c, patient.vessels[1]) + an.hila(c, patient, pose)
    inside = np.minimum(air * 4, 1)
    air = np.maximum(air * (1 + 0.05 * c.texture(tex, 0.09)) - tubes * inside, 0) * (1 - lost)
    path = an.body(c, patient) * (1 + 0.025 * c.texture(tex, 0.12)) - 0.80 * air
    path -= 0.16 * an.airways(c, patient, pose) + 1.6 * an.abdomen_gas(c, patient, pose)
    path = np.maximum(path, 0)
    path += bones.ribs(c, patient, pose, lung) + bones.spine(c, patient, pose) + bones.clavicles(c, patient, pose) + bones.shoulders(c, patient, pose)
    path += film_.leads(c, rng)
    path = gaussian_filter(path, exposure.blur * n / 2)
    grey = film_.expose(path, exposure) * film_.shutter(film, rng)
    grey = np.maximum(grey, film_.marks(film, rng))
    grey = film_.plant(film_.grain(grey, exposure, rng), film, confound)
    return film_.reduce(grey, size)
