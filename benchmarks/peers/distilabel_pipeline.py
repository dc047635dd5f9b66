"""distilabel: a pipeline of `LoadDataFromDicts` and `TextGeneration`, its cache in FOLDER.

    python distilabel_pipeline.py PROMPTS.jsonl BASE_URL FOLDER CONCURRENCY

A batch is sent at once and waited for as a whole, so the concurrency is the size of a batch.
"""

import json
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")

from distilabel.models import OpenAILLM  # noqa: E402 - the environment must be set first
from distilabel.pipeline import Pipeline  # noqa: E402
from distilabel.steps import LoadDataFromDicts  # noqa: E402
from distilabel.steps.tasks import TextGeneration  # noqa: E402

PROMPTS, BASE_URL, FOLDER, CONCURRENCY = sys.argv[1:]

if __name__ == "__main__":
    rows = [json.loads(line) for line in Path(PROMPTS).read_text(encoding="utf-8").splitlines()]
    with Pipeline(name="respond", cache_dir=f"{FOLDER}/cache") as pipeline:
        load = LoadDataFromDicts(
            data=[{"id": row["id"], "instruction": row["prompt"]} for row in rows],
            batch_size=int(CONCURRENCY),
        )
        respond = TextGeneration(
            llm=OpenAILLM(
                model="m",
                base_url=BASE_URL,
                api_key="none",
                generation_kwargs={"temperature": 0.8, "max_new_tokens": 256},
            ),
            input_batch_size=int(CONCURRENCY),
        )
        load >> respond
    found = pipeline.run(use_cache=True)["default"]["train"]
    with (Path(FOLDER) / "replies.jsonl").open("w", encoding="utf-8") as out:
        out.writelines(
            json.dumps({"id": row["id"], "reply": row["generation"]}) + "\n" for row in found
        )
