package lease

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// What all stores have room for; a lease of that size fits into an item of
// DynamoDB.
const (
	// MaxKeyBytes is how long a key, a name or the text of a checkpoint may be.
	MaxKeyBytes = 1024
	// MaxStateBytes is how much state a handler may keep.
	MaxStateBytes = 256 << 10
	// MaxRelatives is how many parents a lease may have, and how many children.
	MaxRelatives = 60
	// MaxGroupBytes is how long the name of a group may be.
	MaxGroupBytes = 128
)

// Check returns an error that says which field of l no store takes, and why. All
// stores ask it before they write.
func (l Lease) Check() error {
	if l.Key == "" {
		return fmt.Errorf("lease key: 0 bytes are not 1 to %d", MaxKeyBytes)
	}
	for _, t := range []struct{ field, text string }{
		{"key", l.Key}, {"stream", l.Stream}, {"owner", l.Owner}, {"wanted", l.Wanted}, {"checkpoint", l.Checkpoint.Sequence},
		{"first hash key", l.FirstHashKey}, {"last hash key", l.LastHashKey},
	} {
		if err := checkText(t.field, t.text); err != nil {
			return l.wrong(err)
		}
	}
	if err := checkRelatives("parents", l.Parents); err != nil {
		return l.wrong(err)
	}
	if err := checkRelatives("children", l.Children); err != nil {
		return l.wrong(err)
	}
	switch {
	case l.Counter < 0 || l.Counter == math.MaxInt64:
		return l.wrong(fmt.Errorf("counter: %d is not 0 to %d", l.Counter, int64(math.MaxInt64-1)))
	case l.Switches < 0:
		return l.wrong(fmt.Errorf("switches: %d is below 0", l.Switches))
	case l.Checkpoint.Sub > math.MaxInt64:
		return l.wrong(fmt.Errorf("checkpoint: the index %d in a record is above %d", l.Checkpoint.Sub, int64(math.MaxInt64)))
	case len(l.State) > MaxStateBytes:
		return l.wrong(fmt.Errorf("state: %d bytes are above %d", len(l.State), MaxStateBytes))
	case !(l.Throughput >= 0 && l.Throughput <= maxThroughput):
		return l.wrong(fmt.Errorf("throughput: %g is not 0 to %g", l.Throughput, maxThroughput))
	}
	return nil
}

// maxThroughput is more than a shard can have, in KiB a second.
const maxThroughput = 1e15

// wrong says which lease it is, as far as its key can be shown.
func (l Lease) wrong(err error) error {
	if checkText("key", l.Key) != nil {
		return fmt.Errorf("lease %w", err)
	}
	return fmt.Errorf("lease %s: %w", l.Key, err)
}

// checkText refuses what some database cannot keep.
func checkText(field, s string) error {
	switch {
	case len(s) > MaxKeyBytes:
		return fmt.Errorf("%s: %d bytes are above %d", field, len(s), MaxKeyBytes)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: %.100q is not UTF-8", field, s)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%s: %.100q holds a zero byte", field, s)
	}
	return nil
}

func checkRelatives(field string, keys []string) error {
	if len(keys) > MaxRelatives {
		return fmt.Errorf("%s: %d keys are above %d", field, len(keys), MaxRelatives)
	}
	for i, key := range keys {
		if key == "" {
			return fmt.Errorf("%s: a key is empty", field)
		}
		if err := checkText(field, key); err != nil {
			return err
		}
		if slices.Contains(keys[:i], key) {
			return fmt.Errorf("%s: %.100q is there twice", field, key)
		}
	}
	return nil
}

// CheckGroup returns an error that says why a group cannot have that name: it
// has 1 to [MaxGroupBytes] letters, digits, dots, underscores and hyphens, and
// does not end with a dot. The names of tables of DynamoDB are such names.
func CheckGroup(name string) error {
	if n := len(name); n == 0 || n > MaxGroupBytes {
		return fmt.Errorf("group name: %d bytes are not 1 to %d", n, MaxGroupBytes)
	}
	for _, r := range name {
		if !strings.ContainsRune(groupRunes, r) {
			return fmt.Errorf("group name %q: %q is not a letter, digit, dot, underscore or hyphen", name, r)
		}
	}
	if strings.HasSuffix(name, ".") {
		return fmt.Errorf("group name %q: it ends with a dot", name)
	}
	return nil
}

const groupRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
