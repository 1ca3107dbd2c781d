package flagval

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Choice is one of a few words.
type Choice struct {
	Value *string
	Words []string
}

// Set sets the value from text.
func (f Choice) Set(s string) error {
	if !slices.Contains(f.Words, s) {
		return fmt.Errorf(`must be "%s"`, strings.Join(f.Words, `" or "`))
	}
	*f.Value = s
	return nil
}

// String returns the value.
func (f Choice) String() string { return *f.Value }

// Type returns what help calls the value.
func (f Choice) Type() string { return "NAME" }

// Limits says whether a stream has limits. All commands have the same two words
// for it: "service" for the limits of the service, and "none".
type Limits struct {
	None bool // the zero value has the service's
}

// Set takes "service" or "none".
func (f *Limits) Set(s string) error {
	switch s {
	case "service", "kinesis": // which weir serve used to say
		f.None = false
	case "none":
		f.None = true
	default:
		return errors.New(`must be "service" or "none"`)
	}
	return nil
}

// String returns the word.
func (f *Limits) String() string {
	if f.None {
		return "none"
	}
	return "service"
}

// Type returns what help calls the value.
func (f *Limits) Type() string { return "NAME" }
