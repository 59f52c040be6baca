"""Reports on what becomes of children: figures, suppression, charts and files.

Tables of children, their care and their school year enter. Named reports leave, each with its title, units,
source, number of children, as-of date and definition; in a published one, no small count can be found. The
package reads no index and knows no viewer.
"""
