package lineage

import "cmp"

// Known returns how many shards a walk remembers.
func Known[ID cmp.Ordered](w *Walk[ID]) int { return len(w.shards) }
