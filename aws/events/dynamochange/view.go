package dynamochange

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// Compare says which of two changes of one item was made first: negative means
// a, positive b. sure is false if nobody can tell, and then order is 0. It is 0
// and sure for duplicates, which have the same EventID.
//
// The times decide, in steps of the coarser of both precisions. Changes of the
// same time are in order if one begins with the image that the other ends with.
func Compare(a, b Record) (order int, sure bool) {
	if a.EventID == b.EventID {
		return 0, true
	}
	if c := compareTimes(instant{a.Created, a.Precision}, instant{b.Created, b.Precision}); c != 0 {
		return c, true
	}
	aFirst, bFirst := a.NewImage.Equal(b.OldImage), b.NewImage.Equal(a.OldImage)
	switch {
	case aFirst == bFirst:
		return 0, false
	case aFirst:
		return -1, true
	}
	return 1, true
}

// An instant is the time of a change.
type instant struct {
	at        time.Time
	precision Precision
}

func compareTimes(a, b instant) int {
	step := max(a.precision.Duration(), b.precision.Duration())
	return a.at.Truncate(step).Compare(b.at.Truncate(step))
}

// A Verdict is what became of a change that a [View] was given.
type Verdict int

const (
	// Applied means that the view has what the change made of the item.
	Applied Verdict = iota
	// Duplicate means that the view had the change already.
	Duplicate
	// Late means that the view had a later change of the item.
	Late
	// Tied means that nobody can tell whether the change or another of the same
	// time is the later one: the view has what came last. It is right again with
	// the item's next change, or when a change comes that was missing between
	// them.
	Tied
)

// String returns the verdict in a word.
func (v Verdict) String() string {
	if int(v) < len(verdicts) && v >= 0 {
		return verdicts[v]
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

var verdicts = [...]string{"applied", "duplicate", "late", "tied"}

// maxTied is how many changes of one item and time are told apart. DynamoDB
// takes a thousand a second.
const maxTied = 64

// A View is tables put together from their changes, which may come more than
// once and in any order. The zero View is empty. Removed items are remembered,
// so that what comes late of them is known as late, until [View.Forget]. It is
// for one goroutine at a time.
type View struct {
	entries map[string]*entry
	items   int // that are not removed
}

// An entry is one item: its changes of the latest time, in the order of their
// coming.
type entry struct {
	Table     string     `json:"table"`
	Keys      Item       `json:"keys"`
	At        int64      `json:"at"` // microseconds
	Precision Precision  `json:"precision,omitempty"`
	Changes   []oneOfTie `json:"changes"`
	Current   int        `json:"current,omitempty"` // which of them the item is as
	Before    *string    `json:"before,omitempty"`  // a digest of the image before them, if known
}

type oneOfTie struct {
	ID   string `json:"id"`
	From string `json:"from"` // a digest of the old image
	To   Item   `json:"to"`   // nil if the item was removed
}

func (e *entry) image() Item      { return e.Changes[e.Current].To }
func (e *entry) instant() instant { return instant{time.UnixMicro(e.At), e.Precision} }

func digest(image Item) string {
	if image == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(image.canonical()))
	return base64.RawStdEncoding.EncodeToString(sum[:16])
}

func key(table string, keys Item) string { return table + "\x00" + keys.canonical() }

// Apply takes in a change, and says what became of it. The change's items are
// kept and must not be changed.
func (v *View) Apply(r Record) Verdict {
	if v.entries == nil {
		v.entries = map[string]*entry{}
	}
	k := key(r.TableName, r.Keys)
	e := v.entries[k]
	if e == nil {
		e = &entry{Table: r.TableName, Keys: r.Keys}
		v.entries[k] = e
	} else {
		switch c := compareTimes(instant{r.Created, r.Precision}, e.instant()); {
		case slices.ContainsFunc(e.Changes, func(c oneOfTie) bool { return c.ID == r.EventID }):
			return Duplicate
		case c < 0:
			return Late
		case c > 0:
			if e.image() != nil {
				v.items--
			}
			before := digest(e.image())
			e.Before = &before
		default:
			return v.tie(e, r)
		}
	}
	e.At, e.Precision = r.Created.UnixMicro(), r.Precision
	e.Changes, e.Current = []oneOfTie{{r.EventID, digest(r.OldImage), r.NewImage}}, 0
	if r.NewImage != nil {
		v.items++
	}
	return Applied
}

// tie takes in a change of the same time as the item's others. They are steps
// of one way: each image is left as often as it is come to, but the first and
// the last. If those are the same, it is the image from before.
func (v *View) tie(e *entry, r Record) Verdict {
	if e.image() != nil {
		v.items--
	}
	e.Changes = append(e.Changes, oneOfTie{r.EventID, digest(r.OldImage), r.NewImage})
	if len(e.Changes) > maxTied {
		e.Changes = e.Changes[1:]
	}
	left := map[string]int{}
	for _, c := range e.Changes {
		left[digest(c.To)]++
		left[c.From]--
	}
	var end *string
	ends := 0
	for image, n := range left {
		if n > 0 {
			ends, end = ends+n, &image
		}
	}
	if ends == 0 {
		end = e.Before
	}
	last := len(e.Changes) - 1
	e.Current = last
	verdict := Tied
	if ends <= 1 && end != nil {
		found := slices.IndexFunc(e.Changes, func(c oneOfTie) bool { return digest(c.To) == *end })
		switch {
		case found >= 0 && *end == digest(e.Changes[last].To):
			verdict = Applied
		case found >= 0:
			e.Current, verdict = found, Late
		}
	}
	if e.image() != nil {
		v.items++
	}
	return verdict
}

// Len returns how many items there are.
func (v *View) Len() int { return v.items }

// Get returns an item by its keys.
func (v *View) Get(table string, keys Item) (Item, bool) {
	e := v.entries[key(table, keys)]
	if e == nil || e.image() == nil {
		return nil, false
	}
	return e.image(), true
}

// All returns the tables' names and items, in an order that depends on names
// and keys alone. It sorts all.
func (v *View) All() iter.Seq2[string, Item] {
	return func(yield func(string, Item) bool) {
		for _, k := range slices.Sorted(maps.Keys(v.entries)) {
			e := v.entries[k]
			if image := e.image(); image != nil && !yield(e.Table, image) {
				return
			}
		}
	}
}

// Forget drops what is remembered of items that were removed before a time, and
// returns how many those are. What comes so late that it is from before is
// taken for new then.
func (v *View) Forget(before time.Time) (n int) {
	for k, e := range v.entries {
		if e.image() == nil && e.instant().at.Before(before) {
			delete(v.entries, k)
			n++
		}
	}
	return n
}

// MarshalJSON returns the view, for [View.UnmarshalJSON] to go on with.
func (v *View) MarshalJSON() ([]byte, error) {
	list := slices.SortedFunc(maps.Values(v.entries), func(a, b *entry) int {
		return cmp.Compare(key(a.Table, a.Keys), key(b.Table, b.Keys))
	})
	if list == nil {
		list = []*entry{}
	}
	return marshal(list)
}

// UnmarshalJSON reads a view that MarshalJSON returned.
func (v *View) UnmarshalJSON(text []byte) error {
	var list []*entry
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("view: %w: %w", ErrInvalid, err)
	}
	got := View{entries: map[string]*entry{}}
	for i, e := range list {
		if e == nil || e.Current < 0 || e.Current >= len(e.Changes) || len(e.Keys) == 0 {
			return fmt.Errorf("view: %w: entry %d is none", ErrInvalid, i)
		}
		got.entries[key(e.Table, e.Keys)] = e
		if e.image() != nil {
			got.items++
		}
	}
	*v = got
	return nil
}
