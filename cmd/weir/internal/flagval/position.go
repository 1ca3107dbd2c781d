package flagval

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// A Position is where reading begins: "horizon", "latest", a time, or how long
// ago, such as -5m. The zero value is the horizon.
type Position struct {
	text string
	At   weir.Position
}

// Set sets the position from text.
func (f *Position) Set(s string) error {
	switch strings.ToLower(s) {
	case "horizon", "trim_horizon":
		f.At = weir.TrimHorizon()
	case "latest":
		f.At = weir.Latest()
	default:
		if ago, err := time.ParseDuration(s); err == nil && ago <= 0 {
			f.At = weir.AtTime(time.Now().Add(ago))
			break
		}
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || t.Unix() < 0 {
			return fmt.Errorf("must be horizon, latest, a time such as 2026-03-02T09:00:00Z, or how long ago, such as -5m")
		}
		if t.After(time.Now()) {
			return fmt.Errorf("is in the future")
		}
		f.At = weir.AtTime(t)
	}
	f.text = s
	return nil
}

// String returns what was set.
func (f *Position) String() string {
	if f.text == "" {
		return "horizon"
	}
	return f.text
}

// Type returns what help calls the value.
func (f *Position) Type() string { return "POSITION" }
