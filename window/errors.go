package window

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// ErrLate says that a record came after all its windows were given up: later
// than [Config.Bound] and [Config.Lateness] allow. The error is a [*LateError].
var ErrLate = errors.New("late")

// A LateError says how late a record is. It matches [ErrLate].
type LateError struct {
	Time      time.Time // of the record
	Watermark time.Time // of the shard, when it came
	Lateness  time.Duration
}

// Error returns the time, the watermark and the lateness.
func (e *LateError) Error() string {
	return fmt.Sprintf("late: its time is %v, the watermark %v and the lateness %v", e.Time, e.Watermark, e.Lateness)
}

// Is reports whether target is [ErrLate].
func (e *LateError) Is(target error) bool { return target == ErrLate }

// A RefusedError is the error of a [Handler] that will never take some of the
// results, however often it is called: they go to [Config.Aside]. It has taken
// the others, and is not called with them again.
type RefusedError struct {
	// Results says of each that was refused, by its index, why.
	Results map[int]error
}

// Error returns how many were refused, and why the first of them.
func (e *RefusedError) Error() string {
	if len(e.Results) == 0 {
		return "window: no results were refused"
	}
	first := slices.Min(slices.Collect(maps.Keys(e.Results)))
	return fmt.Sprintf("%d results were refused: %v", len(e.Results), e.Results[first])
}

// A ResultError is the error, in [Rejected], of a result that a handler has
// refused with a [*RefusedError].
type ResultError[R any] struct {
	Result Result[R]
	Err    error // why
}

// Error returns which result it is, and why it was refused.
func (e *ResultError[R]) Error() string {
	return fmt.Sprintf("window: result %s: %v", e.Result.ID(), e.Err)
}

// Unwrap returns why.
func (e *ResultError[R]) Unwrap() error { return e.Err }

// ErrState is what a [*StateError] matches.
var ErrState = errors.New("window state")

// A StateError says that the windows of a shard cannot be kept, or that what is
// kept of them cannot be used. It ends Run. It matches [ErrState].
type StateError struct {
	Stream string
	Shard  weir.ShardID
	// Bytes is how large the state is, and Limit how large it may be; both are
	// zero if that is not what is wrong.
	Bytes, Limit int
	// Windows is how many windows were open.
	Windows int
	Err     error // what is wrong otherwise
}

// Error returns what is wrong, and of a state that is too large what helps.
func (e *StateError) Error() string {
	where := fmt.Sprintf("window: %s %v: state", e.Stream, e.Shard)
	if e.Err != nil {
		return where + ": " + e.Err.Error()
	}
	return fmt.Sprintf("%s: %d bytes of %d open windows are above %d; there should be fewer keys a shard, shorter windows, or Config.Snapshots", where, e.Bytes, e.Windows, e.Limit)
}

// Is reports whether target is [ErrState].
func (e *StateError) Is(target error) bool { return target == ErrState }

// Unwrap returns what is wrong, if it is not the size.
func (e *StateError) Unwrap() error { return e.Err }

// problems are what is wrong with a Config.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// span checks a time of whole milliseconds.
func (p *problems) span(field string, d, least time.Duration) {
	switch {
	case d < least || d > MaxSize:
		p.add(field, "%v is not %v to %v", d, least, MaxSize)
	case d%time.Millisecond != 0:
		p.add(field, "%v is not whole milliseconds", d)
	}
}
