"""The frozen data types that all stages share: plain records, no behaviour beyond checks.

Tuples instead of lists and dicts, so that a record can be hashed, compared and written as the
same bytes every time.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Strategy = Literal["generate", "translate", "respond", "refine"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
Category = Literal[
    "reasoning", "arithmetic", "classification", "dialogue", "paraphrase",
    "procedure", "grammar", "creative", "knowledge", "cultural_judgement",
]  # fmt: skip
CATEGORIES: tuple[Category, ...] = get_args(Category)
Pairs = tuple[tuple[str, Any], ...]
"""An ordered mapping as pairs: hashable, and stable when serialised."""


class Record(BaseModel):
    """Base of all types here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Seed(Record):
    """One gold example of a language pack."""

    id: str
    category: Category
    """One of the ten task categories, `CATEGORIES`."""
    prompt: str = Field(min_length=1)
    prompt_en: str = Field(min_length=1)
    """The prompt in English: the source side of the translate strategy's shots."""
    response: str = Field(min_length=1)


class Labels(Record):
    """The words, in the language itself, that mark the fields of an example in a prompt."""

    prompt: str
    response: str


class Source(Record):
    """Where data of a pack come from."""

    name: str
    licence: str
    url: str = ""
    used_for: str = ""


class LanguagePack(Record):
    """All that a language needs, read from ``tasks/<code>/pack.toml`` and its seed file."""

    code: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    """ISO 639-1."""
    iso639_3: Annotated[str, Field(pattern=r"^[a-z]{3}$")]
    """ISO 639-3."""
    name: str
    """English name."""
    own_name: str
    """The language's name in the language."""
    script: Annotated[str, Field(pattern=r"^[A-Z][a-z]{3}$")]
    """ISO 15924, e.g. ``Latn``."""
    direction: Literal["ltr", "rtl"]
    length_unit: Literal["words", "characters"]
    """What `length` counts: characters where the script has no spaces between words."""
    version: str
    role: Literal["target", "pivot"] = "target"
    """A ``target`` is among the languages of a run that names none. A ``pivot`` is not: targets are
    mixed into it, students are measured in it, and prompts are translated from it."""
    labels: Labels
    student_tasks: tuple[str, ...]
    """lm-eval tasks or groups that evaluate a student of this language."""
    refusals: tuple[str, ...] = ()
    """How a model declines in this language: beginnings of replies that are refusals."""
    sources: tuple[Source, ...]
    seeds: tuple[Seed, ...] = ()
    folder: str = ""
    """Where the pack was read from; not part of its digest."""


class TeacherCard(Record):
    """A teacher: an lm-eval model type with its arguments, and how it is asked."""

    name: str
    model: str
    """lm-eval model type, e.g. ``hf``, ``vllm``, ``local-chat-completions``."""
    model_args: Pairs = ()
    form: Literal["chat", "completion"]
    """``chat`` instructs, by the chat template; ``completion`` shows a base model examples."""
    reply_format: Literal["json", "labels"] | None = None
    """How generate and translate ask for prompt and response: a JSON object, or labelled lines.
    None for JSON in the chat form and labelled lines in the completion form."""
    gen_kwargs: Pairs = ()
    """Generation settings of this teacher, over the strategy's and under the command line's."""
    price_in: float | None = Field(None, ge=0)
    """US dollars per million tokens of requests; None where it is not known."""
    price_out: float | None = Field(None, ge=0)
    """US dollars per million tokens of replies."""
    family: str = ""
    licence: str = ""
    url: str = ""
    notes: str = ""


class StudentCard(Record):
    """A base model to be trained."""

    name: str
    pretrained: str
    """Name of an embedded model, a local path, a model of the hub, or a server's model."""
    model: str = "hf"
    """lm-eval model type that evaluates it; only one of ``hf`` can be trained."""
    model_args: Pairs = ()
    """Further arguments of that model type, e.g. the ``base_url`` of a server."""
    revision: str = ""
    """Commit of the hub's model; "" for the newest."""
    reference: str = "gold"
    """Upper anchor: ``gold`` (the base trained on the pack's gold data) or a model to load."""
    dtype: str = "float32"
    chat_template: str = ""
    """Jinja template in place of the tokenizer's own; needed where that has none."""
    target_modules: tuple[str, ...] = ()
    """Modules that LoRA adapts, where the architecture's names are not the recipe's."""
    tasks: tuple[str, ...] = ()
    """Student tasks in place of those that the packs name; ``{lang}`` stands for the code."""
    family: str = ""
    licence: str = ""
    url: str = ""
    notes: str = ""


class Recipe(Record):
    """How a student is trained: supervised fine-tuning, or direct preference optimisation.

    The defaults are those of arXiv 2604.11290, section 4.
    """

    name: str
    method: Literal["sft", "dpo"] = "sft"
    """``dpo`` (arXiv 2305.18290) takes pairs of a chosen and a rejected response."""
    tuning: Literal["lora", "qlora", "full"] = "lora"
    """What is trained: a LoRA adapter, one on a base of 4 bits, or all weights."""
    lora_r: int = Field(16, ge=1)
    """Rank of the adapter."""
    lora_alpha: int = Field(16, ge=1)
    """The adapter is scaled by alpha / r."""
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout before the adapter."""
    target_modules: tuple[str, ...] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    """Modules that LoRA adapts; ``all-linear`` for all of them but the head."""
    learning_rate: float = Field(5e-5, gt=0)
    """The highest, after warm-up."""
    epochs: float = Field(2.0, gt=0)
    """Times that each example is seen."""
    batch_size: int = Field(8, ge=1)
    """Effective batch size in examples: `micro_batch_size` times accumulation steps;
    with `packing` in packed rows."""
    micro_batch_size: int = Field(1, ge=1)
    """Examples that are in memory together."""
    max_length: int = Field(16384, ge=8)
    """Tokens of prompt and response; a longer example is left out and counted."""
    packing: bool = False
    """Fill each row of a batch with several examples, up to `max_length` tokens."""
    gradient_checkpointing: bool = False
    """Compute activations twice in place of keeping them: less memory, a third slower."""
    scheduler: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls."""
    warmup_steps: float = Field(5, ge=0)
    """Below 1 a share of all steps."""
    weight_decay: float = Field(0.001, ge=0)
    """Of AdamW."""
    beta: float = Field(0.1, gt=0)
    """Of ``dpo``: how far the policy may go from where it began (its equation 7)."""
    max_train_samples: int = Field(10_000, ge=1)
    """Training data are sampled down to this, equal per strategy."""
    held_out: int = Field(0, ge=0)
    """Examples kept out of training, whose loss is measured before and after it."""
    save_steps: int = Field(500, ge=1)
    """A checkpoint every so many steps; a killed training resumes from the last one."""
    notes: str = ""


class TrainingOptions(Record):
    """How a training is run and kept, beside what decides its numbers."""

    save: Literal["adapter", "merged"] = "adapter"
    """``merged``: the adapter's weights are added to the base's, and the whole model is saved."""
    auto_batch: bool = False
    """Out of memory, halve `Recipe.micro_batch_size` (same effective batch) and go on."""
    report_to: Literal["none", "trackio", "wandb"] = "none"


class Mixture(Record):
    """How much of a teacher's data stands in an English instruction set (arXiv 2401.01854).

    The size of the English set stays: its examples are *replaced*.
    """

    kind: Literal["alone", "pinch", "share"] = "alone"
    """``alone``: the teacher's data of one language, without English; ``pinch``: so many examples
    in all, split evenly over the languages; ``share``: so many per cent of the set."""
    amount: float = Field(0, ge=0)

    def __str__(self) -> str:
        """Return it as the command line takes it, e.g. ``pinch:40``."""
        return self.kind if self.kind == "alone" else f"{self.kind}:{self.amount:g}"


class Answer(Record):
    """A model's response to a prompt."""

    id: str
    """``<question_id>#<sample>``."""
    question_id: str
    language: str
    prompt: str
    response: str
    sample: int = 0
    finish_reason: Literal["stop", "length", "unknown"]


class Preference(Record):
    """A pair to train on: two responses to a prompt, of which one is better."""

    id: str
    language: str
    prompt: str
    chosen: str
    rejected: str
    chosen_reward: float
    rejected_reward: float


class Checks(Record):
    """Which checks a reply must pass to become an example, and with what thresholds."""

    # the docstrings of the fields are the text of `ls checks`
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    language: bool = True
    """Prompt and response are in the language, by language identification."""
    refusal: bool = True
    """The reply does not begin as a refusal does (see `LanguagePack.refusals`)."""
    min_characters: int = Field(8, ge=1)
    """A shorter response is no answer worth training on."""
    max_characters: int = Field(16_000, ge=1)
    """A longer prompt or response is `too_long`."""
    max_compression: float = Field(4.0, gt=1)
    """len / zlib len above which a text is `repetitive`; natural text stays under 3."""
    max_similarity: float = Field(0.9, gt=0, le=1)
    """Two texts with a higher similarity ratio are copies of each other but for a detail."""
    near_duplicate: float = Field(0.8, ge=0, le=1)
    """Jaccard similarity of character 5-grams from which two prompts of one teacher are
    duplicates; 0 finds exact ones only."""
    contamination: int = Field(13, ge=0)
    """Length in words of an n-gram shared with a student task that makes an example
    `contaminated` (arXiv 2005.14165, appendix C); 0 for no such check."""


class RunSpec(Record):
    """Everything that decides the numbers of a run."""

    teachers: tuple[TeacherCard, ...]
    languages: tuple[str, ...]
    strategies: tuple[Strategy, ...]
    limit: int = Field(ge=1)
    """Documents (requests to the teacher) per teacher, language and strategy."""
    seed: int = 0
    gen_kwargs: Pairs = ()
    student: StudentCard
    reference: str
    """``gold`` or a model, as in `StudentCard.reference`."""
    recipe: Recipe
    mixtures: tuple[Mixture, ...] = (Mixture(),)
    """What students are trained on: ``alone``, or one student of all languages and English."""
    english: tuple[str, ...] = ()
    """Data of the English instruction set of mixtures, as `data_sources.examples` reads them."""
    mix_budget: int | None = Field(None, ge=1)
    """Examples of a mixture; None for all the English ones, at most `Recipe.max_train_samples`."""
    also_evaluate: tuple[str, ...] = ()
    """Further languages in which students of mixtures are evaluated: English, unseen ones."""
    tasks: tuple[str, ...] = ()
    """Student tasks in place of the student's or the packs' own; ``{lang}`` stands for the code."""
    eval_limit: int | None = Field(None, ge=1)
    """Items per student task; None for all."""
    num_fewshot: int | None = Field(None, ge=0)
    """Examples in the prompts of student tasks; None for what each task says."""
    metrics: tuple[str, ...]
    metric_limit: int | None = Field(None, ge=1)
    """Examples per cell that metrics with a language model read; None for all."""
    embedder: str = "multilingual-e5-small"
    """What makes vectors of texts: see `intrinsic.embedding.embedders`."""
    perplexity_model: str
    perplexity_backend: str = "hf"
    """lm-eval model type that loads it; it must give log-likelihoods."""
    perplexity_args: Pairs = ()
    """Further arguments of that model type."""
    perplexity_form: Literal["plain", "chat"] = "plain"
    """``chat`` puts prompt and response into the model's chat template."""
    perplexity_max_length: int | None = Field(None, ge=8)
    """Tokens of prompt and response that are read; None for what the model bears."""
    judges: tuple[TeacherCard, ...] = ()
    """Language models that score examples by a rubric; two or more show how far they agree."""
    judge_attempts: int = Field(3, ge=1)
    """How often a judge is asked while its judgement cannot be read."""
    reward_model: str = ""
    """Sequence-classification model of one label: a local path or a model of the hub."""
    comet_models: tuple[str, ...] = ()
    """COMET models, by name or checkpoint file; those that need a reference skip examples
    without one."""
    batch_size: str = "8"
    device: str | None = None
    apply_chat_template: bool | None = None
    """Overrides the teachers' `form` where not None."""
    system_instruction: str | None = None
    include_path: str | None = None
    chunk_size: int = Field(16, ge=1)
    """Requests per chunk of a model in this process: the unit of seeding, and what an
    interruption can lose."""
    instruction_language: Literal["en", "own"] = "en"
    """Language of the instruction to the teacher: English, or the language itself."""
    given: Pairs = ()
    """(strategy, JSONL file) of what a strategy starts from in place of the pack's prompts; in a
    file's name ``{lang}`` stands for the code of the language."""
    max_attempts: int = Field(1, ge=1)
    """How often a document is asked while its reply is rejected."""
    checks: Checks = Checks()
    alpha: float = Field(0.5, ge=0, le=1)


class Example(Record):
    """One accepted SFT example."""

    id: str
    language: str
    strategy: Strategy
    seed_id: str
    prompt: str
    response: str
    finish_reason: Literal["stop", "length", "unknown"]
    attempt: int = 1
    """Which of the replies to this document it was."""


class Rejection(Record):
    """A reply that did not become an example; it is kept, with the reason."""

    id: str
    language: str
    strategy: Strategy
    reason: str
    """One of `strategies.checks.REASONS`."""
    reply: str
    """As it arrived."""
    attempt: int = 1
    detail: str = ""
    """What was found: the text it copies, the error of the server, ..."""


class Measurement(Record):
    """One number with its uncertainty: intrinsic and extrinsic alike."""

    name: str
    language: str
    value: float | None
    """None where it could not be measured; never a partial mean."""
    stderr: float | None
    n: int
    low: float | None = None
    """Bounds of the 95 % interval (see `intrinsic.estimate`); None where there is none."""
    high: float | None = None
    params: Pairs = ()


class StageRecord(Record):
    """What a stage did; written last, so that its presence means that the stage is complete."""

    stage: str
    key: str
    inputs: Pairs
    """Everything the stage's output depends on, as (name, digest or value)."""
    outputs: Pairs = ()
    """(file name, sha256) of each file written."""
    counts: Pairs = ()
    measurements: tuple[Measurement, ...] = ()
    seconds: float = 0.0
    status: Literal["complete", "failed"]
    error: str = ""
    provenance: Pairs = ()


Interval = tuple[str, float, float]
"""Name of a number, and the ends of its 95 % interval."""


class PolyglotScore(Record):
    """The joined score of one cell, with its parts."""

    teacher: str
    language: str
    student: str
    signature: str
    raw: float | None
    """Mean accuracy of the student over the tasks."""
    raw_stderr: float | None
    gain: float | None
    """raw - base, in points of accuracy (0-1)."""
    gain_stderr: float | None
    base: float | None
    reference: float | None
    gap: float | None
    """reference - base."""
    gap_stderr: float | None
    pgr: float | None
    pgr_stderr: float | None
    z: float | None
    """Mean z-score of the intrinsic metrics over the pool."""
    score: float | None
    """alpha * z + (1 - alpha) * PGR."""
    score_stderr: float | None
    stable: float | None
    """Mean of the intrinsic z and of the z of the gain, within language and student."""
    flags: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    pool: str = ""
    n_items: int = 0
    measurements: tuple[Measurement, ...] = ()
    intervals: tuple[Interval, ...] = ()


def pairs(mapping: dict[str, Any]) -> Pairs:
    """Return the mapping as sorted pairs, lists as tuples."""
    return tuple((k, _frozen(mapping[k])) for k in sorted(mapping))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return pairs(value)
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(v) for v in value)
    return value


def canonical_json(value: Any) -> str:
    """Serialise records, tuples and scalars to the one JSON text that stands for them."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"not serialisable: {type(value).__name__}")


def key_hash(*key: Any) -> bytes:
    """Return the sha256 of a key's parts: the seed of a draw that depends on nothing else."""
    return hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()


def digest(value: Any) -> str:
    """Return the first 16 hex digits of the sha256 of `value`'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]
