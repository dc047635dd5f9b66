"""The stages of a cell: each one a function from records to a folder with its record.

A stage knows what its output depends on (its inputs, which make the digest of its folder) and how
to make it. Where and in which order stages run is the pipeline's matter.
"""

from polyglot_harness.stages.measuring import measure_data
from polyglot_harness.stages.students import (
    base_args,
    base_identity,
    data_identity,
    evaluate,
    recipe_identity,
    student_identity,
    student_tasks,
    tasks_digest,
    train,
    trained_args,
    trained_folder,
    trained_identity,
    training_inputs,
)
from polyglot_harness.stages.teaching import (
    data_files,
    examples_of,
    generate,
    given_sha256,
    log_folder,
    stage_data,
)
from polyglot_harness.stages.weights import (
    check_base,
    describe_training,
    find_weights,
    saving,
    weights_sha256,
)
from polyglot_harness.stages.workshop import Done, Workshop

__all__ = [
    "Done",
    "Workshop",
    "base_args",
    "base_identity",
    "check_base",
    "data_files",
    "data_identity",
    "describe_training",
    "evaluate",
    "examples_of",
    "find_weights",
    "generate",
    "given_sha256",
    "log_folder",
    "measure_data",
    "recipe_identity",
    "saving",
    "stage_data",
    "student_identity",
    "student_tasks",
    "tasks_digest",
    "train",
    "trained_args",
    "trained_folder",
    "trained_identity",
    "training_inputs",
    "weights_sha256",
]
