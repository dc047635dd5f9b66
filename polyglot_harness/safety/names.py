"""What lm-eval 0.4.13 and datasets 5 know by name; tests/test_safety.py compares with them.

Static, since nothing heavy may be imported before a pack has been looked at.
"""

from __future__ import annotations

GROUP_KEYS = frozenset({"group", "group_alias", "task", "aggregate_metric_list", "metadata"})
TASK_KEYS = frozenset({
    "task", "task_alias", "tag", "custom_dataset", "dataset_path", "dataset_name",
    "dataset_kwargs", "training_split", "validation_split", "test_split", "fewshot_split",
    "process_docs", "doc_to_text", "doc_to_target", "doc_to_image", "doc_to_audio", "unsafe_code",
    "doc_to_choice", "process_results", "use_prompt", "description", "target_delimiter",
    "fewshot_delimiter", "fewshot_config", "num_fewshot", "metric_list", "output_type",
    "generation_kwargs", "repeats", "filter_list", "should_decontaminate",
    "doc_to_decontamination_query", "gen_prefix", "metadata",
})  # fmt: skip
FEWSHOT_KEYS = frozenset({
    "sampler", "split", "process_docs", "fewshot_indices", "samples", "doc_to_text",
    "doc_to_choice", "doc_to_target", "gen_prefix", "fewshot_delimiter", "target_delimiter",
})  # fmt: skip
OUTPUT_TYPES = frozenset({
    "loglikelihood", "multiple_choice", "loglikelihood_rolling", "generate_until",
})  # fmt: skip
METRICS = frozenset({
    "acc", "acc_all", "acc_bytes", "acc_mutual_info", "acc_norm", "bits_per_byte", "bleu",
    "brier_score", "bypass", "byte_perplexity", "chrf", "chrf++", "exact_match", "f1", "likelihood",
    "mcc", "perplexity", "ter", "word_perplexity",
})  # fmt: skip
"""Any other name would be taken for a script of the package evaluate, fetched and run."""
AGGREGATIONS = frozenset({
    "bits_per_byte", "bleu", "brier_score", "bypass", "chrf", "chrf++", "f1", "matthews_corrcoef",
    "mean", "median", "nanmean", "perplexity", "ter", "weighted_perplexity",
})  # fmt: skip
FILTERS = frozenset({
    "custom", "format_span", "lowercase", "majority_vote", "map", "multi_choice_regex", "regex",
    "regex_pos", "remove_whitespace", "take_first", "take_first_k", "uppercase",
})  # fmt: skip
SAMPLERS = frozenset({"default", "first_n"})
BUILDERS = frozenset({
    "arrow", "audiofolder", "conll", "csv", "eval", "fasta", "fastq", "genbank", "harbor", "hdf5",
    "iceberg", "imagefolder", "json", "lance", "meshfolder", "mmcif", "niftifolder", "pandas",
    "parquet", "pdb", "pdffolder", "text", "tsfile", "videofolder", "vortex", "webdataset", "xml",
    "cache", "generator", "spark", "sql",
})  # fmt: skip
"""Formats that datasets reads from anywhere on the disk or the net, pickles among them."""
DATA_KEYS = frozenset({
    "revision", "split", "data_files", "features", "verification_mode", "streaming",
    "trust_remote_code", "path", "config", "lite_revision", "language", "items", "source", "target",
    "source_language", "target_language", "strategy",
})  # fmt: skip
"""Those of ``load_dataset`` that choose among what the hub has, and those of shared templates."""
GENERATION = frozenset({
    "until", "do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p", "max_gen_toks",
    "max_new_tokens", "max_tokens", "max_completion_tokens", "max_length", "num_beams",
    "repetition_penalty", "presence_penalty", "frequency_penalty", "length_penalty", "seed", "stop",
})  # fmt: skip
"""Anything else goes to the model's generate: ``custom_generate`` would fetch code and run it."""
