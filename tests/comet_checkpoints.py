"""Make small COMET checkpoints, and score with them by the library itself.

Run by the Python of COMET's own environment:

    python comet_checkpoints.py make FOLDER TEXTS.json        two checkpoints of random weights
    python comet_checkpoints.py predict CHECKPOINT ROWS.json  scores of src, mt (and ref), as JSON
"""

import json
import sys
from pathlib import Path

import torch
from comet import load_from_checkpoint
from comet.models import ReferencelessRegression, RegressionMetric
from pytorch_lightning import Trainer
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizerFast

CLASSES = {
    "regression_metric": RegressionMetric,
    "referenceless_regression_metric": ReferencelessRegression,
}


def make(folder: Path, texts: list[str]) -> None:
    """Train a tokenizer on the texts; save an encoder, and a metric of each class upon it."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=1000, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    encoder = folder / "encoder"
    XLMRobertaTokenizerFast(tokenizer_object=tokenizer).save_pretrained(encoder)

    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer.get_vocab()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=514,
    )
    XLMRobertaModel(config).save_pretrained(encoder)
    for identifier, metric_class in CLASSES.items():
        metric = metric_class(
            pretrained_model=str(encoder), hidden_sizes=[16], layer_norm=False, warmup_steps=0
        )
        trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        trainer.strategy.connect(metric)
        trainer.save_checkpoint(folder / identifier / "checkpoints" / "model.ckpt")
        (folder / identifier / "hparams.yaml").write_text(f"class_identifier: {identifier}\n")


def predict(checkpoint: str, rows: list[dict[str, str]]) -> list[float]:
    """Score with half precision, as ``comet-score`` does."""
    metric = load_from_checkpoint(checkpoint).half()
    return metric.predict(rows, batch_size=16, gpus=0, progress_bar=False).scores


if __name__ == "__main__":
    command, where, file = sys.argv[1:]
    given = json.loads(Path(file).read_text(encoding="utf-8"))
    if command == "make":
        make(Path(where), given)
    else:
        json.dump(predict(where, given), sys.stdout)
