package dynamochange_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/dynamochange"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of random histories")

var begin = time.UnixMilli(1636603217000).UTC()

// change returns a change of item a; nil is no image.
func change(id string, at time.Duration, old, new any) dynamochange.Record {
	r := dynamochange.Record{EventID: id, TableName: "t", EventName: dynamochange.Modify, Created: begin.Add(at), Keys: item(map[string]any{"pk": "a"})}
	if old != nil {
		r.OldImage = item(map[string]any{"pk": "a", "v": old})
	} else {
		r.EventName = dynamochange.Insert
	}
	if new != nil {
		r.NewImage = item(map[string]any{"pk": "a", "v": new})
	} else {
		r.EventName = dynamochange.Remove
	}
	return r
}

func micro(r dynamochange.Record) dynamochange.Record {
	r.Precision = dynamochange.Microsecond
	return r
}

func TestCompare_twoChangesOfAnItem(t *testing.T) {
	const ms, µs = time.Millisecond, time.Microsecond
	a := change("a", 0, 1, 2)
	for name, row := range map[string]struct {
		a, b  dynamochange.Record
		order int
		sure  bool
	}{
		"a duplicate":               {a, a, 0, true},
		"later":                     {a, change("b", ms, 1, 2), -1, true},
		"images at one time":        {a, change("b", 0, 2, 3), -1, true},
		"removed, and made again":   {change("a", 0, 1, nil), change("b", 0, nil, 1), 0, false},
		"made, and removed":         {change("a", 0, nil, 1), change("b", 0, 1, nil), 0, false},
		"removed":                   {a, change("b", 0, 2, nil), -1, true},
		"there and back":            {a, change("b", 0, 2, 1), 0, false},
		"nothing in common":         {a, change("b", 0, 5, 6), 0, false},
		"microseconds":              {micro(change("a", µs, 1, 2)), micro(change("b", 2*µs, 5, 6)), -1, true},
		"a coarser one":             {micro(change("a", 900*µs, 1, 2)), change("b", 0, 5, 6), 0, false},
		"a coarser one, and images": {micro(change("a", 900*µs, 1, 2)), change("b", 0, 2, 3), -1, true},
		"a coarser one later":       {micro(change("a", 900*µs, 1, 2)), change("b", ms, 5, 6), -1, true},
	} {
		order, sure := dynamochange.Compare(row.a, row.b)
		assert.Equal(t, row.order, order, name)
		assert.Equal(t, row.sure, sure, name)
		order, sure = dynamochange.Compare(row.b, row.a)
		assert.Equal(t, -row.order, order, name)
		assert.Equal(t, row.sure, sure, name)
	}
}

func TestView_saysWhatBecameOfAChange(t *testing.T) {
	var v dynamochange.View
	keys := item(map[string]any{"pk": "a"})
	_, ok := v.Get("t", keys)
	assert.False(t, ok)
	const ms = time.Millisecond
	for _, step := range []struct {
		r    dynamochange.Record
		want dynamochange.Verdict
		now  any // nil is no item
	}{
		{change("2", ms, 1, 2), dynamochange.Applied, 2},
		{change("1", 0, nil, 1), dynamochange.Late, 2},
		{change("2", ms, 1, 2), dynamochange.Duplicate, 2},
		{change("3", 2*ms, 2, 3), dynamochange.Applied, 3},
		{change("2", ms, 1, 2), dynamochange.Late, 3},
		{change("5", 2*ms, 4, 5), dynamochange.Tied, 5},
		{change("4", 2*ms, 3, 4), dynamochange.Late, 5}, // now it is known
		{change("5", 2*ms, 4, 5), dynamochange.Duplicate, 5},
		{change("6", 2*ms, 5, nil), dynamochange.Applied, nil},
		{change("4", 2*ms, 3, 4), dynamochange.Duplicate, nil},
		{change("7", 3*ms, nil, 7), dynamochange.Applied, 7},
		{change("8", 3*ms, 7, nil), dynamochange.Applied, nil},
		{change("7", 3*ms, nil, 7), dynamochange.Duplicate, nil},
	} {
		assert.Equal(t, step.want, v.Apply(step.r), step.r.EventID)
		got, ok := v.Get("t", keys)
		assert.Equal(t, step.now != nil, ok, step.r.EventID)
		if ok {
			assert.True(t, item(map[string]any{"pk": "a", "v": step.now}).Equal(got), step.r.EventID)
			assert.Equal(t, 1, v.Len())
		} else {
			assert.Zero(t, v.Len())
		}
	}
	assert.Zero(t, v.Forget(begin.Add(3*ms)))
	assert.Equal(t, 1, v.Forget(begin.Add(4*ms)))
	assert.Equal(t, dynamochange.Applied, v.Apply(change("1", 0, nil, 1)), "what was forgotten is new")
	assert.Equal(t, "tied Verdict(9)", fmt.Sprint(dynamochange.Tied, " ", dynamochange.Verdict(9)))
}

// Whatever order changes come in and how often, the view is the table in the
// end: where times differ, and where changes of the same time go one way.
func TestView_anyOrder(t *testing.T) {
	t.Log("seed", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	for range 50 {
		table := map[string]dynamochange.Item{}
		var changes []dynamochange.Record
		at := begin
		for i := range 40 {
			if random.IntN(3) > 0 {
				at = at.Add(time.Millisecond)
			}
			pk := fmt.Sprint("i", random.IntN(3))
			r := dynamochange.Record{EventID: fmt.Sprint(i), TableName: "t", EventName: dynamochange.Modify, Created: at, Keys: item(map[string]any{"pk": pk}), OldImage: table[pk]}
			if table[pk] == nil {
				r.EventName = dynamochange.Insert
			}
			if r.NewImage = item(map[string]any{"pk": pk, "n": i}); table[pk] != nil && random.IntN(4) == 0 && !sameTime(changes, pk, at) {
				r.NewImage, r.EventName = nil, dynamochange.Remove
			}
			if table[pk] = r.NewImage; r.NewImage == nil {
				delete(table, pk)
			}
			changes = append(changes, r)
		}
		seen := slices.Clone(changes)
		for range 20 {
			seen = append(seen, changes[random.IntN(len(changes))])
		}
		random.Shuffle(len(seen), func(i, j int) { seen[i], seen[j] = seen[j], seen[i] })
		v := &dynamochange.View{}
		for i, r := range seen {
			v.Apply(r)
			if i == len(seen)/2 { // kept, and gone on with
				text, err := json.Marshal(v)
				require.NoError(t, err)
				v = &dynamochange.View{}
				require.NoError(t, json.Unmarshal(text, v))
			}
		}
		require.Equal(t, len(table), v.Len())
		n := 0
		for name, got := range v.All() {
			require.Equal(t, "t", name)
			require.True(t, table[got["pk"].Any().(string)].Equal(got))
			n++
		}
		require.Equal(t, len(table), n)
	}
}

// sameTime reports whether an item has a change at that time: removing it then
// may make a circle, in which nobody could tell where it ends.
func sameTime(changes []dynamochange.Record, pk string, at time.Time) bool {
	return slices.ContainsFunc(changes, func(r dynamochange.Record) bool {
		return r.Created.Equal(at) && r.Keys["pk"].Any() == pk
	})
}

// Any number of changes of one time takes bounded memory.
func TestView_manyAtOneTime(t *testing.T) {
	var v dynamochange.View
	for i := range 1000 {
		require.Equal(t, dynamochange.Applied, v.Apply(change(fmt.Sprint(i), 0, i, i+1)), i)
	}
	text, err := json.Marshal(&v)
	require.NoError(t, err)
	assert.Less(t, len(text), 64*200)
}

func TestView_whatIsNone(t *testing.T) {
	for _, text := range []string{`{}`, `[null]`, `[{"table":"t","keys":{"pk":{"S":"a"}},"changes":[]}]`, `[{"changes":[{"id":"1"}]}]`,
		`[{"table":"t","keys":{"pk":{"S":"a"}},"changes":[{"id":"1"}],"current":-1}]`} {
		assert.ErrorIs(t, json.Unmarshal([]byte(text), &dynamochange.View{}), dynamochange.ErrInvalid, text)
	}
	text, err := json.Marshal(&dynamochange.View{})
	require.NoError(t, err)
	assert.Equal(t, `[]`, string(text))
}

func ExampleView() {
	orders := func(id string, ms int64, old, new dynamochange.Item) dynamochange.Record {
		r := dynamochange.Record{EventID: id, EventName: dynamochange.Modify, TableName: "orders", Created: time.UnixMilli(ms),
			Keys: dynamochange.Item{"id": new["id"]}, OldImage: old, NewImage: new}
		if old == nil {
			r.EventName = dynamochange.Insert
		}
		return r
	}
	placed, _ := dynamochange.ItemOf(map[string]any{"id": "o-1", "state": "placed"})
	paid, _ := dynamochange.ItemOf(map[string]any{"id": "o-1", "state": "paid"})

	var view dynamochange.View
	fmt.Println(view.Apply(orders("b", 2, placed, paid)))
	fmt.Println(view.Apply(orders("a", 1, nil, placed)))  // comes after what followed it
	fmt.Println(view.Apply(orders("b", 2, placed, paid))) // comes twice
	for table, item := range view.All() {
		fmt.Println(table, item["id"].Any(), item["state"].Any())
	}
	// Output:
	// applied
	// late
	// duplicate
	// orders o-1 paid
}
