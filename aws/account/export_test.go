package account

// BesideToken is what excludes a NextToken, by operation.
var BesideToken = besideToken

// RememberedNames returns how many deleted names an account remembers.
func RememberedNames(a *Account) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.deleted.after)
}
