"""The connections, and the statements that several resolvers share."""

import os
from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, ColumnElement, Row, Select, cast, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import aliased

from models import Base


def driver_url(url: str) -> str:
    """The address with the driver's name in it; SQLAlchemy writes an absolute path with a slash more."""
    if url.startswith("sqlite://"):
        return "sqlite+aiosqlite:///" + url.removeprefix("sqlite://")
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


# Statements only read, one at a time: transactions around them would be round trips for nothing.
engine = create_async_engine(
    driver_url(os.environ["DATABASE_URL"]),
    pool_size=int(os.environ.get("POOL", "10")),
    max_overflow=0,
    isolation_level="AUTOCOMMIT",
)
Session = async_sessionmaker(engine, expire_on_commit=False)


async def rows(statement: Select) -> Sequence[Row]:
    """What a statement finds. Loaders run side by side, so each has a session of its own."""
    async with Session() as session:
        return (await session.execute(statement)).all()


def among(column: ColumnElement, keys: Iterable[int]) -> ColumnElement:
    """The column is one of these keys, of which there may be many."""
    if engine.dialect.name == "postgresql":
        return column == func.any(cast(list(keys), ARRAY(BigInteger)))
    return column.in_(keys)


def newest(model: type[Base]) -> tuple:
    """The order of all lists but the tags."""
    return model.created_at.desc(), model.id.desc()


def pages(model: type[Base], page: Select, parent: ColumnElement, parents: list[int], limit: int) -> Select:
    """For each parent its id beside each of the first rows of `page`, which selects `model`."""
    if engine.dialect.name == "postgresql":
        keys = func.unnest(cast(parents, ARRAY(BigInteger))).table_valued("id").render_derived("keys")
        rows = page.where(parent == keys.c.id).order_by(*newest(model)).limit(limit).lateral()
        return select(keys.c.id, aliased(model, rows)).select_from(keys).join(rows, true())
    # SQLite has no lateral join.
    number = func.row_number().over(partition_by=parent, order_by=newest(model))
    rows = (
        page.add_columns(parent.label("parent"), number.label("number"))
        .where(among(parent, parents))
        .subquery()
    )
    return (
        select(rows.c.parent, aliased(model, rows))
        .where(rows.c.number <= limit)
        .order_by(rows.c.parent, rows.c.number)
    )
