"""Staging folder that the index and Spark's workers share.

Features and keys go in, weights come out.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import dataset, fs, parquet

from mpi.domain.errors import EngineError


@dataclass(frozen=True, slots=True)
class Staging:
    """Folder through which one Spark job exchanges tables with this process.

    Args:
        uri: URI of the folder, for Spark.
        path: path of the folder, for PyArrow.
        filesystem: PyArrow's file system of the folder.
    """

    uri: str
    path: str
    filesystem: fs.FileSystem = field(repr=False)

    def to_uri(self, name: str) -> str:
        """Return the URI of a file or folder in the staging folder."""
        return f"{self.uri}/{name}"

    def write_table(self, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> str:
        """Write a table for Spark in batches, and return its URI.

        Spark reads a group of rows as one task, so a group is one batch.
        """
        with (
            self.filesystem.open_output_stream(f"{self.path}/{name}") as file,
            parquet.ParquetWriter(file, schema) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)
        return self.to_uri(name)

    def read_table(self, name: str) -> pa.Table:
        """Read a table that Spark wrote."""
        return dataset.dataset(f"{self.path}/{name}", filesystem=self.filesystem, format="parquet").to_table()


@contextmanager
def open_staging(where: str) -> Iterator[Staging]:
    """Make a folder for one Spark job, removed at the end.

    Args:
        where: an existing folder, as a path or as a URI that PyArrow and Spark both know (``s3://``,
            ``gs://``, ``hdfs://``, ``file://``).

    Raises:
        EngineError: it cannot be written.
    """
    name = f"mpi-{secrets.token_hex(8)}"
    try:
        base = where if "://" in where else Path(where).resolve().as_uri()
        filesystem, path = fs.FileSystem.from_uri(base)
        folder = Staging(f"{base.rstrip('/')}/{name}", f"{path.rstrip('/')}/{name}", filesystem)
        if isinstance(filesystem, fs.LocalFileSystem):
            Path(folder.path).mkdir(mode=0o700)  # what a record says is in it
        else:
            filesystem.create_dir(folder.path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise EngineError(
            f"the staging folder cannot be written ({type(error).__name__}): MPI_SPARK_STAGING names a "
            "folder that this machine and every worker reach under one path, or a URI such as s3://bucket/folder"
        ) from error
    try:
        yield folder
    finally:
        filesystem.delete_dir(folder.path)
