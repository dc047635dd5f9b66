"""Several examples in one row, none of which sees another."""

from __future__ import annotations

from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.spec import StudentCard


def check_packing(trainer: Any, student: StudentCard) -> None:
    """Raise if packed examples see one another in the attention of a trainer's model.

    TRL packs without an attention mask: the positions, which begin anew with each example, say
    where one ends. Flash attention and most of transformers' models read them so; this asks the
    model itself whether what stands before an example changes it.

    Raises:
        ConfigError: If it does.
    """
    import torch

    model = trainer.model
    size = min(model.config.get_text_config().vocab_size, 64)
    second = torch.arange(8) % size
    rows = [torch.cat([(torch.arange(8) * k + 1) % size, second]) for k in (3, 7)]
    positions = torch.arange(8).repeat(2)[None]
    was_training = model.training
    model.eval()
    with torch.no_grad(), trainer.accelerator.autocast():
        seen = [
            model(
                input_ids=row[None].to(model.device),
                position_ids=positions.to(model.device),
                use_cache=False,
            ).logits[0, 8:]
            for row in rows
        ]
    model.train(was_training)
    if not torch.equal(seen[0], seen[1]):
        raise ConfigError(
            f"student {student.name}: packed examples would see one another in this model's "
            "attention; give --packing false"
        )
