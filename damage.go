package weir

// Repaired implements [journal.Visitor].
func (r *replay) Repaired(_ uint64, mark []byte) error { return nil }
