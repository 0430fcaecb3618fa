"""`retrieve keys`: the file of API keys that `retrieve serve` reads."""

import json
from pathlib import Path
from typing import Annotated

import typer

from retrieval.console import SOME_FAILED, err, out
from retrieval.errors import ConfigError

keys_app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the API keys of `retrieve serve`.")

FileOption = Annotated[
    Path, typer.Option("--file", envvar="SERVE_KEYS_FILE", help="The file of keys.", show_default="keys.json")
]
_DEFAULT = Path("keys.json")


@keys_app.command()
def add(
    name: Annotated[str, typer.Argument(help="What logs call whoever uses the key.")],
    scope: Annotated[
        str, typer.Option(help="read, write (documents and syncs too) or admin (rebuilds, indexes, metrics too).")
    ] = "read",
    where: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Filter: there are only the documents that pass, as for `search --where`."),
    ] = None,
    index: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Index that there is for it; repeatable; all by default.")
    ] = None,
    file: FileOption = _DEFAULT,
) -> None:
    """Make a key, and print it: nobody can read it again. A running service takes it up at once."""
    from typing import get_args

    from retrieval.adapters.http.grants import Grant, Scope
    from retrieval.adapters.http.keys import NAME, Key, KeyFile, checked_where, new_secret

    chosen = next((each for each in get_args(Scope) if each == scope), None)
    if chosen is None:
        raise ConfigError(f"--scope {scope}: it is one of {', '.join(get_args(Scope))}.")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a key: letters, digits, '.', '_', '@' and '-', 64 at most.")
    try:
        condition = checked_where(json.loads(where)) if where is not None else None
    except json.JSONDecodeError as error:
        raise ConfigError(f"--where is no JSON: {error}.") from None
    if where is not None and any(operator in where for operator in ('"$ne"', '"$nin"', '"$not_contains"')):
        err.print(
            "A condition with $ne, $nin or $not_contains lets through documents that lack the field, too.",
            markup=False,
        )
    kept = KeyFile(file)
    keys = kept.read() if file.exists() else []
    if any(key.grant.name == name for key in keys):
        raise ConfigError(f"There is a key {name!r} in {file}; revoke it first, or take another name.")
    secret = new_secret()
    grant = Grant(name, chosen, condition, frozenset(index) if index else None)
    kept.write([*keys, Key.of(grant, secret)])
    err.print(f"Added {name} to {file}. This is its key, which is shown once:", markup=False)
    typer.echo(secret)


@keys_app.command("list")
def list_keys(file: FileOption = _DEFAULT) -> None:
    """The keys that there are: names, scopes, filters and indexes; never the keys themselves."""
    from retrieval.adapters.http.keys import KeyFile

    for key in KeyFile(file).read():
        grant = key.grant
        about = [grant.name, grant.scope, key.created]
        about += [json.dumps(grant.where, ensure_ascii=False)] if grant.where is not None else []
        about += [f"indexes: {', '.join(sorted(grant.indexes))}"] if grant.indexes is not None else []
        out.print("  ".join(about), markup=False, soft_wrap=True)


@keys_app.command()
def revoke(
    name: Annotated[list[str], typer.Argument(help="Keys by their names.")], file: FileOption = _DEFAULT
) -> None:
    """Take keys away. A running service refuses them within a second."""
    from retrieval.adapters.http.keys import KeyFile

    kept = KeyFile(file)
    keys = kept.read()
    there = {key.grant.name for key in keys}
    kept.write([key for key in keys if key.grant.name not in name])
    if unknown := [each for each in name if each not in there]:
        err.print(f"failed: there is no key {', '.join(map(repr, unknown))} in {file}.", markup=False)
        raise typer.Exit(SOME_FAILED)
