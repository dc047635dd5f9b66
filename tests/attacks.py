"""What a stranger might put into a pack: files by path, and what is said of them.

``MARK`` stands for a file that the attack creates where it works, ``HERE`` for the folder of packs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

BASE = """\
dataset_path: owner/name
test_split: test
output_type: generate_until
doc_to_text: text
doc_to_target: ""
"""
CODE = "from pathlib import Path\nPath('MARK').touch()\ndef f(*a, **k):\n    return []\n"
SUITE = """\
include: ../_mini_choice_yaml
task: evil
dataset_kwargs: {language: de, items: capitals}
"""
DUNDER = "{{ cycler.__init__.__globals__.os.system('touch MARK') }}"


class Attack(NamedTuple):
    """Files that are added to (or replaced in) a good folder of packs, and the complaint."""

    files: dict[str, str | bytes]
    message: str
    runs: bool = False
    """It creates the mark as soon as the task ``evil`` is built by one who trusts it."""


def task(text: str, message: str, *, runs: bool = False, **files: str) -> Attack:
    """Return an attack by a task on the embedded suite, which lm-eval can build."""
    more: dict[str, str | bytes] = {f"de/{name}.py": code for name, code in files.items()}
    return Attack({"de/evil.yaml": SUITE + text, **more}, message, runs)


def group(setting: str, message: str) -> Attack:
    """Return an attack by a group that gives a setting to a task of lm-eval's own."""
    text = f"group: evil\ntask:\n  - task: mgsm_direct_de\n    {setting}\n"
    return Attack({"de/evil.yaml": text}, message)


def pattern(text: str, message: str) -> Attack:
    """Return an attack by a regular expression."""
    step = f"{{function: regex, regex_pattern: '{text}'}}"
    return task(f"filter_list: [{{name: x, filter: [{step}]}}]\n", message)


FUNCTION = "'!function' runs code"
METRIC = "from pathlib import Path\nPath('MARK').touch()\nimport evaluate\n"
ATTACKS: dict[str, Attack] = {
    # code by a function
    "custom_dataset": task("custom_dataset: !function u.f\n", FUNCTION, runs=True, u=CODE),
    "process_docs": task("process_docs: !function u.f\n", FUNCTION, runs=True, u=CODE),
    "process_results": task("process_results: !function u.f\n", FUNCTION, runs=True, u=CODE),
    "doc_to_text": task("doc_to_text: !function u.f\n", FUNCTION, runs=True, u=CODE),
    "doc_to_choice": task("doc_to_choice: !function u.f\n", FUNCTION, runs=True, u=CODE),
    "samples": task("fewshot_config: {samples: !function u.f}\n", FUNCTION, runs=True, u=CODE),
    "metric function": task("metric_list: [{metric: !function u.f}]\n", FUNCTION, runs=True,
                            u=CODE),
    "aggregation": task("metric_list: [{metric: acc, aggregation: !function u.f}]\n", FUNCTION,
                        runs=True, u=CODE),
    "filter": task("filter_list: [{name: x, filter: [{function: custom, filter_fn: !function "
                   "u.f}]}]\n", FUNCTION, runs=True, u=CODE),
    "in metadata": task("metadata: {x: !function u.f}\n", FUNCTION, runs=True, u=CODE),
    "class": Attack({"de/evil.yaml": "task: evil\nclass: !function u.f\n", "de/u.py": CODE},
                    FUNCTION, True),
    "tag by a directive": Attack(
        {"de/evil.yaml": "%TAG !e! !func\n---\n" + SUITE + "process_docs: !e!tion u.f\n",
         "de/u.py": CODE}, FUNCTION, True),
    "in a member of a group": Attack(
        {"de/evil.yaml": "group: evil\ntask:\n  - task: polyglot_mini_de_capitals\n"
         "    process_docs: !function u.f\n", "de/u.py": CODE}, FUNCTION, True),
    "python beside": Attack({"de/u.py": CODE}, "Python runs when a task names it"),
    "compiled python": Attack({"de/__pycache__/u.pyc": b"\0"}, "compiled Python"),
    "changed template": Attack(
        {"_mini_choice_yaml": "custom_dataset: !function u.f\ntest_split: test\ndoc_to_text: x\n",
         "u.py": CODE, "de/evil.yaml": SUITE}, FUNCTION, True),
    "changed function of a template": Attack(
        {"_mini_reply_yaml": "process_results: !function polyglot_harness.lm.reply.other\n"},
        FUNCTION),
    "package in place of ours": Attack(
        {"polyglot_harness/lm/mini.py": CODE + "load_items = score_choice = f\n",
         "de/evil.yaml": SUITE}, "Python runs", True),
    "yaml python": task("description: !!python/object/apply:os.system ['touch MARK']\n",
                        "tag '!!python/object/apply:os.system' may run code"),
    "yaml python name": task("description: !!python/name:os.system ''\n", "may run code"),
    "own tag": task("description: !env HOME\n", "tag '!env' may run code"),
    "binary": task("description: !!binary aGFsbG8=\n", "tag '!!binary'"),
    "class as text": Attack({"de/evil.yaml": "task: evil\nclass: os.system\n"}, "key 'class'"),
    # scripts that are fetched
    "metric script": Attack(
        {"de/evil.yaml": BASE.replace("owner/name", "HERE/x") + "task: evil\n"
         "process_results: null\nmetric_list: [{metric: HERE/de/m/m.py, aggregation: mean}]\n",
         "de/m/m.py": METRIC}, "metric", True),
    "hf_evaluate": task("metric_list: [{metric: acc, hf_evaluate: true}]\n", "'hf_evaluate'"),
    "unknown metric": task("metric_list: [{metric: code_eval}]\n", "fetched as a script"),
    "unknown aggregation": task("metric_list: [{metric: acc, aggregation: os}]\n", "aggregation"),
    "unknown filter": task("filter_list: [{name: x, filter: [{function: os}]}]\n", "filter 'os'"),
    "unknown sampler": task("fewshot_config: {sampler: os}\n", "sampler 'os'"),
    "custom_generate": task("generation_kwargs: {custom_generate: evil/repo}\n",
                            "generation setting 'custom_generate'"),
    "trust_remote_code": task("dataset_kwargs: {trust_remote_code: true}\n", "'trust_remote_code'"),
    "unsafe_code": task("unsafe_code: yes\n", "runs what a model writes"),
    "use_prompt": task("use_prompt: /etc/x.yaml:y\n", "'use_prompt' reads a file"),
    "pickle": Attack(
        {"de/evil.yaml": BASE.replace("owner/name", "pandas")
         + "task: evil\ndataset_kwargs: {data_files: {test: HERE/x.pkl}}\n",
         "x.pkl": b"cposix\nsystem\n(S'touch MARK'\ntR."}, "reads any file"),
    # data from elsewhere
    "json of the disk": Attack(
        {"de/evil.yaml": BASE.replace("owner/name", "json") + "task: evil\n"
         "dataset_kwargs: {data_files: /etc/passwd}\n"}, "reads any file"),
    "absolute data set": Attack(
        {"de/evil.yaml": BASE.replace("owner/name", "/etc") + "task: evil\n"},
        "outside of the hub"),
    "data set above": Attack(
        {"de/evil.yaml": BASE.replace("owner/name", "../../x") + "task: evil\n"},
        "outside of the hub"),
    "data set where you are": Attack(
        {"de/evil.yaml": BASE.replace("owner/name", "secret") + "task: evil\n"}, "where you are"),
    "data by address": Attack(
        {"de/evil.yaml": BASE + "task: evil\ndataset_kwargs: {data_files: 'http://h/x.csv'}\n"},
        "outside of the pack"),
    "data files above": Attack(
        {"de/evil.yaml": BASE + "task: evil\ndataset_kwargs: {data_files: [../../x.csv]}\n"},
        "outside of the pack"),
    "items above": task("dataset_kwargs: {language: de, items: ../../../x}\n",
                        "outside of the pack"),
    "packs elsewhere": task("metadata: {packs: elsewhere}\n", "setting 'packs'"),
    "a list given": task("metadata: {given: secrets.jsonl}\n", "setting 'given'"),
    "function with a path": task("dataset_kwargs: {path: json}\n", "reads any file"),
    "cache elsewhere": task("dataset_kwargs: {cache_dir: x}\n", "setting 'cache_dir'"),
    # includes
    "include absolute": Attack(
        {"de/evil.yaml": "include: HERE/../out_yaml\ntask: evil\n", "../out_yaml":
         "process_docs: !function u.f\ntest_split: test\n", "../u.py": CODE}, "is elsewhere", True),
    "include above": Attack({"de/evil.yaml": "include: ../../out.yaml\ntask: evil\n"},
                            "is elsewhere"),
    "include of home": Attack({"de/evil.yaml": "include: ~/x.yaml\ntask: evil\n"}, "is elsewhere"),
    "include of another pack": Attack({"de/evil.yaml": "include: ../cs/x.yaml\ntask: evil\n"},
                                      "is elsewhere"),
    "include of python": Attack({"de/evil.yaml": "include: [u.py]\ntask: evil\n"}, "is elsewhere"),
    "include of nothing": Attack({"de/evil.yaml": "include: ../_none_yaml\ntask: evil\n"},
                                 "is missing"),
    # Jinja
    "jinja globals": task(f'doc_to_text: "{DUNDER}"\n', "'__init__' reaches into Python"),
    "jinja subclasses": task("description: \"{{ ''.__class__.__mro__ }}\"\n", "'__class__'"),
    "jinja attr": task("gen_prefix: \"{{ x|attr('__class__') }}\"\n", "filter 'attr'"),
    "jinja item": task("doc_to_target: \"{{ x['__class__'] }}\"\n", "item '__class__'"),
    "jinja map": task("doc_to_text: \"{{ [x]|map(attribute='__class__')|list }}\"\n", "filter map"),
    "jinja format": task("doc_to_text: \"{{ '{0.__class__}'.format(x) }}\"\n", "call of 'format'"),
    "jinja import": task("doc_to_text: \"{% import 'x' as y %}\"\n", "import is not for prompts"),
    "jinja macro": task('doc_to_text: "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"\n',
                        "macro is not for prompts"),
    "jinja range": task('doc_to_text: "{% for i in range(10000000) %}x{% endfor %}"\n', "range"),
    "jinja product": task("doc_to_text: \"{{ 'x' * 10000000000 }}\"\n", "mul is not for prompts"),
    "jinja power": task('doc_to_text: "{{ 9 ** 999999999 }}"\n', "pow is not for prompts"),
    "jinja width": task("doc_to_text: \"{{ '%999999999d' % 1 }}\"\n", "any width"),
    "jinja doubling": task(
        "doc_to_text: \"{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40 + '"\n', "blow a text up"),
    "jinja replacing": task("doc_to_text: \"{{ x" + f"|replace('a', '{'a' * 90}')" * 9 + ' }}"\n',
                            "blow a text up"),
    "jinja loops": task("doc_to_text: \"" + "{% for a in x %}" * 5 + "a" + "{% endfor %}" * 5
                        + '"\n', "loops within one another"),
    "jinja deep": task('doc_to_text: "{{ ' + "(" * 3000 + "x" + ")" * 3000 + ' }}"\n', "template"),
    "jinja long": task('doc_to_text: "{# ' + "x" * 20_000 + ' #}"\n', "16384 bytes"),
    "jinja in few shots": task(f'fewshot_config: {{doc_to_text: "{DUNDER}"}}\n', "reaches into"),
    "jinja in a group": Attack(
        {"de/evil.yaml": "group: evil\ntask: [{task: polyglot_mini_de_capitals,\n"
         f' description: "{DUNDER}"}}]\n'}, "reaches into Python"),
    "jinja in own templates": Attack(
        {"de/teach_templates.toml": f'[chat]\ngenerate = "{DUNDER}"\n'}, "reaches into Python"),
    # bombs
    "aliases": task("metadata: {a: &a [x, x], b: [*a, *a]}\n", "an anchor or alias"),
    "merge key": task("metadata: {<<: {a: 1}}\n", "no plain word"),
    "mapping as a key": Attack({"de/x.yaml": "{{ }}\n"}, "no plain word"),
    "list as a name": task("filter_list: [{filter: [{function: [regex]}]}]\n", "filter ['regex']"),
    "unreadable value": task("metadata: {x: 2024-13-45}\n", "cannot be read"),
    "deep yaml": task("metadata: " + "[" * 50_000 + "\n", "levels or"),
    "many values": task("metadata: [" + "1," * 30_000 + "]\n", "levels or"),
    "two documents": task("---\ntask: x\n", "second document"),
    "keys twice": task("task: other\n", "comes twice"),
    "large yaml": task("#" + "x" * 300_000 + "\n", "bytes, more than"),
    "long line": Attack({"de/x.jsonl": '{"a": "' + "x" * 300_000 + '"}'}, "a line of more than"),
    "deep json": Attack({"de/x.jsonl": "[" * 100_000 + "]" * 100_000}, "not valid JSON"),
    "deep object": Attack({"de/x.jsonl": '{"a":' * 40 + "1" + "}" * 40}, "levels"),
    "long number": Attack({"de/x.jsonl": '{"a": ' + "9" * 9000 + "}"}, "not valid JSON"),
    "json keys twice": Attack({"de/x.jsonl": '{"a": 1, "a": 2}'}, "a key comes twice"),
    "deep toml": Attack({"de/x.toml": "a = " + "[" * 5000 + "]" * 5000}, "not valid TOML"),
    "long toml number": Attack({"de/x.toml": "a = " + "9" * 9000}, "not valid TOML"),
    "slow pattern": task("filter_list: [{name: x, filter: [{function: regex, regex_pattern: "
                         "'(a+)+b'}]}]\n", "within a repetition"),
    "many repeats": task("repeats: 100000000\n", "repeats"),
    # texts that are not what they seem
    "override": Attack({"de/x.jsonl": '{"a": "\u202egnp.exe"}'}, "RIGHT-TO-LEFT OVERRIDE"),
    "escaped override": Attack({"de/x.jsonl": '{"a": "\\u202e"}'}, "RIGHT-TO-LEFT OVERRIDE"),
    "isolate": task("description: \"\u2066x\"\n", "LEFT-TO-RIGHT ISOLATE"),
    "tags": Attack({"de/x.jsonl": '{"a": "x\U000e0041\U000e0042"}'}, "TAG LATIN CAPITAL"),
    "mark in a setting": task("description: \"a\u200fb\"\n", "RIGHT-TO-LEFT MARK"),
    "bell": Attack({"de/README.md": b"\x07"}, "U+0007"),
    "escape sequence": Attack({"de/README.md": b"\x1b[2J"}, "U+001B"),
    "half of a pair": Attack({"de/x.jsonl": '{"a": "\\ud800"}'}, "U+D800"),
    "byte order mark": Attack({"de/x.yaml": b"\xef\xbb\xbftask: x\n"}, "byte order mark"),
    "utf-16": Attack({"de/x.yaml": "task: x\n".encode("utf-16")}, "byte order mark"),
    "latin-1": Attack({"de/x.yaml": b"task: \xe4\n"}, "not UTF-8"),
    # files
    "hidden file": Attack({"de/.env": "x"}, "hidden file"),
    "shell script": Attack({"de/run.sh": "#!/bin/sh\n"}, "a kind of file"),
    "yml": Attack({"de/evil.yml": "task: evil\n"}, "does not read .yml"),
    "archive": Attack({"de/x.zip": b"PK"}, "a kind of file"),
    "folder like a file": Attack({"de/x.yaml/y.md": "x"}, "a folder with the name of a file"),
    "odd name": Attack({"de/a b.md": "x"}, "name 'a b.md'"),
    "unknown key": task("colour: red\n", "unknown key 'colour'"),
    "no mapping": Attack({"de/x.yaml": "- a\n"}, "no mapping"),
    "other templates": Attack({"_teach_templates.toml": "[chat]\n"}, "differs from the shared"),
    "card": Attack({"de/card.toml": "model_args = {trust_remote_code = true}\n"},
                   "'trust_remote_code'"),
    "gaps": Attack({"de/pack.toml": 'refusals = ["a * b * c * d * e * f *"]\n'}, "gaps"),
    # others' tasks, some of which run what they are given
    "mark taken off": group("unsafe_code: false", "'unsafe_code' marks, or unmarks"),
    "data to others": group("dataset_path: evil/x", "'dataset_path' in a group gives data"),
    "examples to others": group("fewshot_config: {samples: [{a: b}]}", "'samples' in a group"),
    "tokenizer to others": group("metadata: {tokenizer: evil/x}", "'metadata' of a member"),
    "data to all members": Attack(
        {"de/evil.yaml": "group: evil\ndataset_path: evil/x\ntask: [mgsm_direct_de]\n"},
        "'dataset_path' in a group"),
    "data by a template": Attack(
        {"de/_x_yaml": "dataset_path: evil/x\n",
         "de/evil.yaml": "group: evil\ninclude: _x_yaml\ntask: [mgsm_direct_de]\n"},
        "a group that includes, or is included"),
    "group by a template": Attack(
        {"de/_x_yaml": "group: evil\ntask: [mgsm_direct_de]\n",
         "de/evil.yaml": "include: _x_yaml\ndataset_path: evil/x\n"},
        "a group that includes, or is included"),
    # more ways to data from elsewhere
    "file systems in a row": Attack(
        {"de/evil.yaml": BASE + "task: evil\ndataset_kwargs: {data_files: "
         "'simplecache::file:///etc/passwd'}\n"}, "outside of the pack"),
    "endpoint": task("dataset_kwargs: {storage_options: {hf: {endpoint: 'evil.example'}}}\n",
                     "setting 'storage_options'"),
    "unknown data setting": task("dataset_kwargs: {colour: red}\n", "data setting 'colour'"),
    "data sets named": task("metadata: {data_sets: [[json]]}\n", "reads any file"),
    "data sets where you are": task("metadata: {data_sets: [[secret, x]]}\n", "where you are"),
    "name with a path": Attack({"de/evil.yaml": SUITE.replace("evil", "../evil")},
                               "name '../evil'"),
    "in git's folder": Attack(
        {".git/evil.yaml": SUITE.replace("../", "") + "process_docs: !function u.f\n",
         ".git/u.py": CODE}, "hidden file '.git'"),
    # more that takes for ever
    "options in a row": pattern("a?" * 40 + "a" * 40, "repetitions without bound, or"),
    "bounded in bounded": pattern("(a{0,99}){0,99}b", "within a repetition"),
    "two ways in a repetition": pattern("(aa?)*b", "within a repetition"),
    "alternatives in bounded": pattern("(a|a){50}b", "within a repetition"),
    "anything thrice": pattern(".*a.*b.*c", "repetitions of any character"),
    "pattern of another name": task(
        "filter_list: [{name: x, filter: [{function: multi_choice_regex, regexes_to_ignore: "
        "['(a+)+b']}]}]\n", "within a repetition"),
    "many beams": task("generation_kwargs: {num_beams: 1000000}\n", "num_beams 1000000"),
    "many tokens": task("generation_kwargs: {max_gen_toks: 1000000000}\n", "max_gen_toks"),
    "nested setting": task("generation_kwargs: {seed: {a: b}}\n", "seed {'a': 'b'}"),
    "many documents": task("metadata: {n: 1000000000}\n", "n 1000000000"),
    "jinja quotes": task(f'doc_to_text: "{{{{ x{"|tojson" * 30} }}}}"\n', "blow a text up"),
    "jinja lists": task(f'doc_to_text: "{{{{ x{"|list|string" * 12} }}}}"\n', "blow a text up"),
    "jinja lists in a row": task(
        f'doc_to_text: "{"{% set x = [x] ~ x %}" * 30}{{{{ x }}}}"\n', "blow a text up"),
    "jinja round": task("doc_to_text: \"{{ 1|round(9999999, 'floor') }}\"\n", "filter round"),
    "jinja join": task("doc_to_text: \"{{ [x]|join(',', '__class__') }}\"\n", "filter join"),
    "circle of includes": Attack(
        {"de/_a_yaml": "include: _b_yaml\n", "de/_b_yaml": "include: _a_yaml\n",
         "de/evil.yaml": "include: _a_yaml\ntask: evil\n"}, "in a circle"),
    "row of includes": Attack(
        {**{f"de/_t{n}_yaml": f"include: _t{n + 1}_yaml\n" for n in range(1200)},
         "de/_t1200_yaml": "num_fewshot: 0\n", "de/evil.yaml": "include: _t0_yaml\ntask: evil\n"},
        "files that include one another"),
    "dotted toml": Attack({"de/x.toml": ".".join("a" * 90_000) + " = 1\n"}, "more than 16 parts"),
    "quoted dotted toml": Attack({"de/x.toml": " . ".join(["'a'"] * 9000) + " = 1\n"},
                                 "more than 16 parts"),
    "many bad lines": Attack({"de/x.jsonl": "x\n" * 300_000}, "not valid JSON"),
    "much yaml": Attack({f"de/_m{n}_yaml": "#" * 60_000 + "\na: 1\n" for n in range(80)},
                        "of YAML and TOML in all"),
    "no such truth": task("metadata: {x: !!bool maybe}\n", "cannot be read"),
    "list for a mapping": task("metadata: [1]\n", "takes 'key: value' lines"),
    "list for a name": Attack(
        {"de/evil.yaml": BASE + "task: evil\ndataset_name: [1]\n"}, "takes a name"),
    "no number": task("metadata: {x: !!int ''}\n", "cannot be read"),
    # more that hides
    "escaped in yaml": task('description: "a\\u202eb"\n', "RIGHT-TO-LEFT OVERRIDE"),
    "terminal in yaml": task('task_alias: "a\\e[2Jb"\n', "U+001B"),
    "soft hyphen": Attack({"de/x.jsonl": '{"a": "a\u00adb"}'}, "SOFT HYPHEN"),
    "selectors": Attack({"de/x.jsonl": '{"a": "a\ufe00\ufe01"}'}, "VARIATION SELECTOR"),
    "joiners in latin": Attack({"de/x.jsonl": '{"a": "a\u200db"}'}, "ZERO WIDTH JOINER"),
    "folder of a strange name": Attack({"de/a\nb\x1b[2J/x.py": CODE}, "name 'a\\nb"),
    "name that is no text": Attack({"de/\udcff/x.py": CODE}, "name '\\udcff'"),
    "markup in a name": Attack({"de/pack.toml": 'name = "[red]x"\n'}, "terminals and pages"),
    "script in a source": Attack({"de/pack.toml": '[[sources]]\nname = "<script>"\n'},
                                 "terminals and pages"),
    "address of a script": Attack({"de/pack.toml": '[[sources]]\nurl = "javascript:x()"\n'},
                                  "no address of a page"),
}  # fmt: skip


def put(attack: Attack, packs: Path, mark: Path) -> None:
    """Write the files of an attack."""
    for name, content in attack.files.items():
        path = packs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        data = data.replace(b"MARK", os.fsencode(mark)).replace(b"HERE", os.fsencode(packs))
        path.write_bytes(data)
