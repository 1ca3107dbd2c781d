package cold

// Forget lets go of all that was read.
func (a *Attic) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.kept {
		a.drop(c)
	}
	a.kept, a.bytes = nil, 0
}
