"""study.json: what is written is read back equal, and damage is reported with a code."""

import json

import msgspec
import pytest

from fewray.config import CrossvalOptions, PublishedOptions
from fewray.errors import InputError
from fewray.results.crossval import Audit, AuditModel, CrossvalStudy, DataSummary
from fewray.results.files import STUDY, json_schemas, read_study, write_study
from fewray.results.published import PublishedStudy, SplitData
from fewray.results.scores import Conclusion, Provenance, StudyWarning, Verdict

PROVENANCE = Provenance(versions={}, device="cpu", precision="bf16", threads=1, keys={})
CONCLUSION = Conclusion(
    reference="classic", verdicts=(Verdict(arm="synthetic", verdict="harms", text="It harms."),)
)


def crossval_study(rate: float = 0.25) -> CrossvalStudy:
    audited = AuditModel(description="metadata", accuracy=0.5, auroc={"a": 0.9}, identified=("a",))
    return CrossvalStudy(
        preset="quick",
        data=DataSummary(
            name="phantom",
            origin="phantom",
            classes=("a", "b"),
            display_names={},
            counts={"a": 3, "b": 9},
            images=12,
            patients=12,
            patients_known="all",
            sha256="",
        ),
        conclusion=CONCLUSION,
        warnings=(StudyWarning(code="phantom_data", text="These are drawings."),),
        reference="classic",
        comparisons={},
        descriptive=(),
        arms={},
        sensitivity={},
        subsets={},
        external=None,
        audit=Audit(majority_class_rate=rate, models={"metadata": audited}),
        seeds=(0,),
        folds=(),
        merged_patients=(("p", "q"),),
        generators={},
        selections=(),
        rejected_copies=None,
        bootstrap_draws=1000,
        history=(),
        options=CrossvalOptions(ratios=(0.5,)),
        provenance=PROVENANCE,
    )


def published_study() -> PublishedStudy:
    return PublishedStudy(
        preset="quick",
        data=SplitData(
            name="covid4", origin="real", classes=("a",), display_names={}, counts={}, sha256={}
        ),
        conclusion=CONCLUSION,
        warnings=(),
        arms={},
        paper={},
        mixtures=(),
        seeds=(0, 1),
        generators={},
        trained_here=True,
        quality=None,
        options=PublishedOptions(),
        provenance=PROVENANCE,
    )


@pytest.mark.parametrize(
    "study", [crossval_study(), published_study()], ids=["crossval", "published"]
)
def test_what_is_written_is_read_back(tmp_path, study):
    write_study(tmp_path, study)
    assert read_study(tmp_path) == study
    head = json.loads((tmp_path / STUDY).read_text())
    assert (head["protocol"], head["schema"]) == (type(study).__struct_config__.tag, 4)


def damaged(folder, change):
    write_study(folder, crossval_study())
    study = json.loads((folder / STUDY).read_text())
    change(study)
    (folder / STUDY).write_text(json.dumps(study))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda study: study.pop("audit"), "study_damaged"),
        (lambda study: study.update(unknown=1), "study_damaged"),
        (lambda study: study["data"].update(images="12"), "study_damaged"),
        (lambda study: study.update(protocol="other"), "study_damaged"),
        (lambda study: study.update(schema=3), "study_schema"),
        (lambda study: study.pop("schema"), "study_schema"),
    ],
)
def test_damage_is_an_input_error_with_code_and_path(tmp_path, change, code):
    damaged(tmp_path, change)
    with pytest.raises(InputError) as caught:
        read_study(tmp_path)
    assert (caught.value.code, caught.value.fields["path"]) == (code, str(tmp_path / STUDY))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_a_file_that_is_no_json_object_is_damaged(tmp_path, content):
    (tmp_path / STUDY).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_study(tmp_path)
    assert caught.value.code == "study_damaged"


def test_a_folder_without_a_study_says_so(tmp_path):
    with pytest.raises(InputError) as caught:
        read_study(tmp_path)
    assert caught.value.code == "study_not_found"


def test_an_undefined_number_is_not_written(tmp_path):
    with pytest.raises(msgspec.ValidationError):
        write_study(tmp_path, crossval_study(float("nan")))
    assert not (tmp_path / STUDY).exists()


def test_schemas_describe_every_field():
    schemas = json_schemas()
    definition = schemas["crossval-study.schema.json"]["$defs"]["CrossvalStudy"]
    assert set(definition["properties"]) == {"protocol", *CrossvalStudy.__struct_fields__}
    assert definition["additionalProperties"] is False
