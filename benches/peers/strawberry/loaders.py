"""The loaders of a request: one statement for all that a level asks for."""

from collections import defaultdict

from sqlalchemy import ColumnElement, Select, select
from strawberry.dataloader import DataLoader

from database import among, pages, rows
from models import Base, Comment, Post, PostStatus, Tag, User, post_tag

# A parent's id, and how many of its rows are wanted.
PageKey = tuple[int, int]

published_posts = select(Post).where(Post.status == PostStatus.PUBLISHED)


class Loaders:
    def __init__(self) -> None:
        self.users = DataLoader(load_fn=load_users)
        self.posts_of_users = DataLoader(load_fn=load_posts_of_users)
        self.tags_of_posts = DataLoader(load_fn=load_tags_of_posts)
        self.comments_of_posts = DataLoader(load_fn=load_comments_of_posts)


async def load_users(ids: list[int]) -> list[User | None]:
    users = {user.id: user for (user,) in await rows(select(User).where(among(User.id, ids)))}
    return [users.get(id) for id in ids]


async def load_posts_of_users(keys: list[PageKey]) -> list[list[Post]]:
    return await load_pages(Post, published_posts, Post.author_id, keys)


async def load_comments_of_posts(keys: list[PageKey]) -> list[list[Comment]]:
    return await load_pages(Comment, select(Comment), Comment.post_id, keys)


async def load_tags_of_posts(keys: list[PageKey]) -> list[list[Tag]]:
    """A post's tags are few: all are read."""
    statement = (
        select(post_tag.c.post_id, Tag)
        .join(Tag, Tag.id == post_tag.c.tag_id)
        .where(among(post_tag.c.post_id, {post for post, _ in keys}))
        .order_by(Tag.id)
    )
    found = defaultdict(list)
    for post, tag in await rows(statement):
        found[post].append(tag)
    return [found[post][:limit] for post, limit in keys]


async def load_pages(
    model: type[Base], page: Select, parent: ColumnElement, keys: list[PageKey]
) -> list[list]:
    parents = defaultdict(list)
    for id, limit in keys:
        parents[limit].append(id)
    found = defaultdict(list)
    for limit, ids in parents.items():
        for id, row in await rows(pages(model, page, parent, ids, limit)):
            found[id, limit].append(row)
    return [found[key] for key in keys]
