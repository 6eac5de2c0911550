"""The publishing database behind Strawberry, FastAPI and SQLAlchemy."""

from datetime import datetime

import strawberry
from fastapi import FastAPI
from sqlalchemy import select
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import BaseContext, GraphQLRouter

import models
from database import newest, rows
from loaders import Loaders, published_posts

PostStatus = strawberry.enum(models.PostStatus)


class Context(BaseContext):
    def __init__(self) -> None:
        super().__init__()
        self.loaders = Loaders()


Info = strawberry.Info[Context, None]


@strawberry.type
class User:
    id: strawberry.ID
    name: str

    @strawberry.field
    async def posts(
        self, parent: strawberry.Parent[models.User], info: Info, limit: int = 20
    ) -> list["Post"]:
        return await info.context.loaders.posts_of_users.load((parent.id, limit))


@strawberry.type
class Tag:
    id: strawberry.ID
    name: str


@strawberry.type
class Comment:
    id: strawberry.ID
    body: str

    @strawberry.field
    async def author(self, parent: strawberry.Parent[models.Comment], info: Info) -> User:
        return await info.context.loaders.users.load(parent.author_id)


@strawberry.type
class Post:
    id: strawberry.ID
    title: str
    slug: str
    status: PostStatus
    created_at: datetime
    version: int

    @strawberry.field
    async def author(self, parent: strawberry.Parent[models.Post], info: Info) -> User:
        return await info.context.loaders.users.load(parent.author_id)

    @strawberry.field
    async def tags(
        self, parent: strawberry.Parent[models.Post], info: Info, limit: int = 20
    ) -> list[Tag]:
        return await info.context.loaders.tags_of_posts.load((parent.id, limit))

    @strawberry.field
    async def comments(
        self, parent: strawberry.Parent[models.Post], info: Info, limit: int = 20
    ) -> list[Comment]:
        return await info.context.loaders.comments_of_posts.load((parent.id, limit))


@strawberry.type
class Query:
    @strawberry.field
    async def posts(self, limit: int = 20) -> list[Post]:
        statement = published_posts.order_by(*newest(models.Post)).limit(limit)
        return [post for (post,) in await rows(statement)]

    @strawberry.field
    async def users(self, limit: int = 20) -> list[User]:
        statement = select(models.User).order_by(*newest(models.User)).limit(limit)
        return [user for (user,) in await rows(statement)]

    @strawberry.field
    async def user(self, info: Info, id: strawberry.ID) -> User | None:
        return await info.context.loaders.users.load(int(id))


schema = strawberry.Schema(Query, extensions=[ParserCache(), ValidationCache()])


async def context() -> Context:
    return Context()


app = FastAPI(openapi_url=None)
app.include_router(GraphQLRouter(schema, context_getter=context, graphql_ide=None), prefix="/graphql")
