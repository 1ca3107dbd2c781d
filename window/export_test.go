package window

// SetRoom sets how large the windows of a shard may be in a lease.
func SetRoom[V, A, R any](w *Windower[V, A, R], bytes int) { w.room = bytes }
