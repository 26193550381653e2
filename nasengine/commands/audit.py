"""What ``nasengine front`` and ``nasengine run`` say of the audit, under the front."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from nasengine.report.audit import audit_table, device_sentence, order_sentence
from nasengine.report.record import StudyRecord
from nasengine.report.style import number


def show_audit(console: Console, record: StudyRecord) -> None:
    """Predicted, searched and final figures side by side, and whether the order held; nothing where none is known."""
    head, rows = audit_table(record)
    if rows:
        table = Table(title="Predicted, searched and final, medians with 95 % intervals", title_justify="left")
        for name in head:
            table.add_column(name, justify="left" if name == "left the front" else "right", overflow="fold")
        for row in rows:
            table.add_row(*(number(value) for value in row))
        console.print(table)
    for text in filter(None, (order_sentence(record), device_sentence(record))):
        console.print(text, highlight=False, markup=False, soft_wrap=True)
