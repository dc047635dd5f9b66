"""The data set on the Hugging Face Hub: the same files, in one commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, HarnessError, StoreError, first_line

UNASKED = {".gitattributes"}
"""What the hub itself puts into a new repository."""


def check_hub(repo_id: str) -> None:
    """Check what an upload needs, before any work is done for it.

    Raises:
        ConfigError: If the name is none, there is no token, or the hub is switched off.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ConfigError(f"--repo_id {repo_id}: {first_line(error)}") from None
    if constants.HF_HUB_OFFLINE:
        raise ConfigError(
            "--to hub: HF_HUB_OFFLINE is set; unset it, or use --to parquet and upload later"
        )
    if not get_token():
        raise ConfigError(
            "--to hub needs a token that may write: run `hf auth login`, or set HF_TOKEN in the "
            "environment"
        )


def upload(folder: Path, repo_id: str, message: str, *, private: bool, overwrite: bool) -> str:
    """Upload a folder as a data set repository, created where it is not there.

    One commit: a reader of the repository sees the old or the new data set, never a mixture.

    Args:
        folder: The data set.
        repo_id: ``ORG/NAME``, or ``NAME`` for the token's own user.
        message: Of the commit.
        private: Create it as a private repository.
        overwrite: A repository with files gets this data set's in place of its ``README.md`` and
            ``data/``.

    Returns:
        Its address.

    Raises:
        ConfigError: If it has files and `overwrite` is false, or is public and `private` is true.
        StoreError: If the hub refuses or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    try:
        url = api.create_repo(repo_id, repo_type="dataset", private=private or None, exist_ok=True)
        info = api.dataset_info(url.repo_id)
        there = {file.rfilename for file in info.siblings or ()} - UNASKED
        _check_repository(url.repo_id, info, there, private=private, overwrite=overwrite)
        ours = {
            p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()
        }
        stale = sorted(name for name in there - set(ours) if name.startswith("data/"))
        # not `upload_folder`, which may split the files over several commits
        api.create_commit(
            url.repo_id,
            [
                *(CommitOperationDelete(path_in_repo=name) for name in stale),
                *(CommitOperationAdd(name, path) for name, path in ours.items()),
            ],
            commit_message=message,
            repo_type="dataset",
            parent_commit=info.sha,
        )
    except HarnessError:
        raise
    except Exception as error:  # of the client, of its HTTP library, of the network
        raise StoreError(f"--to hub {repo_id}: {first_line(error)}") from error
    return str(url)


def _check_repository(
    repo_id: str, info: Any, there: set[str], *, private: bool, overwrite: bool
) -> None:
    if private and not info.private:
        raise ConfigError(f"--private: {repo_id} is there already and is public")
    if there and not overwrite:
        raise ConfigError(
            f"{repo_id} holds files ({sorted(there)[0]}, ...); give --overwrite to replace its "
            "README.md and data/, its history keeps them"
        )
