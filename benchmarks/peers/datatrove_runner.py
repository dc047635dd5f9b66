"""datatrove: `InferenceRunner` on an endpoint, with checkpoints in FOLDER.

    python datatrove_runner.py PROMPTS.jsonl BASE_URL FOLDER CONCURRENCY

Chunks of 100 records; replies that arrived are also kept in its request cache.
"""

import sys
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

PROMPTS, BASE_URL, FOLDER, CONCURRENCY = sys.argv[1:]


async def rollout(document: Document, generate: Any) -> Any:
    """Ask once."""
    return await generate({"messages": [{"role": "user", "content": document.text}]})


if __name__ == "__main__":
    reader = JsonlReader(str(Path(PROMPTS).parent), glob_pattern=Path(PROMPTS).name,
                         text_key="prompt", id_key="id")  # fmt: skip
    runner = InferenceRunner(
        rollout_fn=rollout,
        config=InferenceConfig(
            server_type="endpoint",
            model_name_or_path="m",
            endpoint_url=BASE_URL.removesuffix("/v1"),
            default_generation_params={"temperature": 0.8, "max_tokens": 256},
            max_concurrent_generations=int(CONCURRENCY),
        ),
        output_writer=JsonlWriter(
            f"{FOLDER}/out", output_filename="${rank}_${chunk_index}.jsonl", compression=None
        ),
        checkpoints_local_dir=f"{FOLDER}/checkpoints",
        records_per_chunk=100,
    )
    LocalPipelineExecutor([reader, runner], logging_dir=f"{FOLDER}/logs").run()
