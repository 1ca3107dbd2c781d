package weir

// A Put is where it belongs.
type Put struct{}

// A Page is not.
type Page struct{}
