package eventsource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventsource"
)

// A desktop is a desk and what tests do with it.
type desktop struct {
	eventsource.Desk
	t        *testing.T
	settings eventsource.Settings
	records  []weir.Record
}

func newDesktop(t *testing.T, s eventsource.Settings, state string) *desktop {
	s.StartingPosition, s.FunctionResponseTypes = "LATEST", []string{"ReportBatchItemFailures"}
	require.NoError(t, s.Validate())
	d, err := eventsource.NewDesk(s, []byte(state), epoch)
	require.NoError(t, err)
	return &desktop{d, t, s, nil}
}

// at returns a time in seconds after the beginning.
func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

// put adds records of keys, which arrive now.
func (d *desktop) put(now float64, keys ...string) {
	var list []weir.Record
	for _, key := range keys {
		r := record(d.t, fmt.Sprintf("%05d", len(d.records)), key, "x", at(now).UnixMilli())
		d.records = append(d.records, r)
		list = append(list, r)
	}
	d.Add(at(now), list, nil, true)
}

// next returns what is done at a time: of each job the lane and the records.
func (d *desktop) next(now float64) (jobs []eventsource.Job, texts []string) {
	jobs, _ = d.Next(at(now))
	for _, j := range jobs {
		text := fmt.Sprint(j.Lane, ":")
		if j.Report {
			text += " report"
		}
		for _, r := range j.Records {
			for i := range d.records {
				if d.records[i].SequenceNumber == r.SequenceNumber {
					text += fmt.Sprint(" ", i)
				}
			}
		}
		texts = append(texts, text)
	}
	return jobs, texts
}

func (d *desktop) expect(now float64, want ...string) []eventsource.Job {
	d.t.Helper()
	jobs, texts := d.next(now)
	assert.Equal(d.t, want, texts, "at %v", now)
	return jobs
}

func (d *desktop) wake(now float64) float64 {
	_, wake := d.Next(at(now))
	if wake.IsZero() {
		return -1
	}
	return wake.Sub(epoch).Seconds()
}

func (d *desktop) ok(now float64, j eventsource.Job) {
	d.Answer(at(now), j, d.settings, []byte(`{"state":{}}`))
}

func TestDesk_withoutAWindowBatchesAreGivenAtOnce(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{BatchSize: 3}, "")
	d.put(0, "k", "k", "k", "k", "k")
	jobs := d.expect(0, "0: 0 1 2")
	d.expect(0)
	d.put(1, "k")
	d.ok(2, jobs[0])
	jobs = d.expect(2, "0: 3 4 5")
	d.ok(2, jobs[0])
	d.expect(9)
	assert.True(t, d.Idle())
}

// The window begins when the batch before has come to its end, the first one
// with the first record; windows without records follow each other.
func TestDesk_aBatchIsGatheredForTheWindow(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{BatchSize: 3, MaximumBatchingWindowInSeconds: 10}, "")
	d.put(1, "k")
	d.expect(1)
	assert.Equal(t, 11.0, d.wake(1))
	d.put(4, "k")
	d.expect(10.999)
	jobs := d.expect(11, "0: 0 1")
	d.put(12, "k")
	d.ok(15, jobs[0])
	assert.Equal(t, 25.0, d.wake(15), "the window begins at 15")
	jobs = d.expect(25, "0: 2")
	d.ok(26, jobs[0])

	d.put(40, "k") // two windows later, in that of 36 to 46
	assert.Equal(t, 46.0, d.wake(40))
	jobs = d.expect(46, "0: 3")
	d.ok(46, jobs[0])
	d.put(56, "k") // at the end of one
	jobs = d.expect(56, "0: 4")
	d.ok(56, jobs[0])

	d.put(57, "k", "k", "k", "k") // as many as a batch has
	jobs = d.expect(57, "0: 5 6 7")
	d.ok(57, jobs[0])
	assert.Equal(t, 67.0, d.wake(57))
	d.End() // there is nothing to wait for
	d.expect(58, "0: 8")
}

// The payload is bounded as it is serialised: a batch is as large as is
// allowed, to the byte, and a record that is too large alone is a batch.
func TestDesk_thePayloadIsBoundedToTheByte(t *testing.T) {
	empty := eventsource.Event(0, "arn:stream", "arn:role", "us-east-1", nil)
	for _, row := range []struct {
		over  int // bytes above the bound
		first int // records of the first batch
	}{{-4, 8}, {0, 8}, {4, 7}} {
		d := newDesktop(t, eventsource.Settings{BatchSize: 100, MaximumBatchingWindowInSeconds: 300}, "")
		var list []weir.Record
		left := eventsource.MaxPayloadBytes + row.over - len(empty) - 7
		for i := range 8 {
			r := record(t, fmt.Sprintf("%03d", i), "k", "", 0)
			bare := eventsource.Event(0, "arn:stream", "arn:role", "us-east-1", []weir.Record{r})
			room := left/(8-i) - (len(bare) - len(empty))
			if i == 7 { // the key takes what base64 cannot
				for room%4 != 0 {
					r.PartitionKey += "k"
					room--
				}
			}
			r.Data = []byte(strings.Repeat("x", room/4*3))
			left -= room/4*4 + len(bare) - len(empty)
			list = append(list, r)
		}
		d.Add(epoch, list, nil, true)
		jobs, _ := d.Next(epoch)
		if row.over < 0 {
			assert.Empty(t, jobs, "there may be place for more")
			jobs, _ = d.Next(at(300))
		}
		require.Len(t, jobs, 1)
		assert.Len(t, jobs[0].Records, row.first)
		if row.first == 8 {
			assert.Len(t, jobs[0].Event, eventsource.MaxPayloadBytes+row.over)
		}
	}
	d := newDesktop(t, eventsource.Settings{}, "")
	large := record(t, "101", "k", strings.Repeat("x", 5<<20), 0)
	d.Add(epoch, []weir.Record{large, record(t, "102", "k", "x", 0)}, nil, true)
	jobs, _ := d.Next(epoch)
	assert.Len(t, jobs[0].Records, 1)
	assert.Greater(t, len(jobs[0].Event), eventsource.MaxPayloadBytes)
}

// A key that takes forever holds its lane, and what comes behind it in the
// shard for as many records as may be held; all other lanes go on until then.
func TestDesk_aSlowKeyHoldsNeitherMemoryNorOtherLanes(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{ParallelizationFactor: 10}, "")
	d.put(0, "slow")
	slow := d.expect(0, "6: 0")
	before, _, _ := d.Position()
	count := 1
	for ; d.Room(); count++ {
		d.put(0, fmt.Sprint("key ", count%50))
		jobs, _ := d.Next(epoch)
		for _, j := range jobs {
			d.ok(0, j)
		}
		require.Less(t, count, 100_000)
	}
	assert.Equal(t, 20_000, count)
	assert.Less(t, d.Held(), 20_000*1000/5, "what is held is of the slow lane")
	now, _, _ := d.Position()
	assert.Equal(t, before, now)
	for len(slow) > 0 {
		d.ok(0, slow[0])
		slow, _ = d.Next(epoch)
	}
	now, _, _ = d.Position()
	assert.Equal(t, d.records[len(d.records)-1].SequenceNumber, now)
	assert.True(t, d.Room() && d.Idle())
}

// What is held is bounded in bytes as well.
func TestDesk_holdsSomePayloadsAtMost(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{BatchSize: 10}, "")
	for i := range 100 {
		if !d.Room() {
			assert.Equal(t, 14, i, "of 1 MiB, which are 1.4 MB each as they are serialised")
			assert.Greater(t, d.Held(), 3*eventsource.MaxPayloadBytes)
			return
		}
		d.Add(epoch, []weir.Record{record(t, fmt.Sprintf("%03d", i), "k", strings.Repeat("x", 1<<20), 0)}, nil, true)
		d.Next(epoch)
	}
	assert.Fail(t, "there is always room")
}

// What filters leave out moves the position, and is never given.
func TestDesk_whatIsLeftOutMovesThePosition(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{}, "")
	list := []weir.Record{record(t, "101", "k", "", 0), record(t, "102", "k", "", 0), record(t, "103", "k", "", 0)}
	d.Add(epoch, list, []bool{false, true, false}, true)
	number, _, _ := d.Position()
	assert.Equal(t, list[0].SequenceNumber, number)
	jobs, _ := d.Next(epoch)
	require.Len(t, jobs, 1)
	assert.Equal(t, list[1:2], jobs[0].Records)
	d.ok(0, jobs[0])
	number, _, _ = d.Position()
	assert.Equal(t, list[2].SequenceNumber, number)
}

// frameOf returns what an event says behind its records.
func frameOf(j eventsource.Job) string {
	_, text, _ := strings.Cut(string(j.Event), `],"window"`)
	return text
}

// epoch is 22:13:20: windows of 20 seconds begin with it.
const frameText = `:{"start":"2023-11-14T22:13:%d0Z","end":"2023-11-14T22:%s0Z"},"state":%s,"shardId":"shardId-000000000000",` +
	`"eventSourceARN":"arn:stream","isFinalInvokeForWindow":%t,"isWindowTerminatedEarly":%t}`

func TestDesk_aWindowHasAStateAndAnEnd(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, "")
	answer := func(now float64, j eventsource.Job, state string) {
		d.Answer(at(now), j, d.settings, []byte(`{"state":`+state+`}`))
	}
	d.put(19.999, "k", "k")
	jobs := d.expect(19.999, "0: 0 1")
	assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", "{}", false, false), frameOf(jobs[0]))
	_, state, _ := d.Position()
	assert.Equal(t, `{"start":1700000000000,"end":1700000020000,"state":{}}`, state)
	d.put(20, "k") // of the next window
	answer(20.5, jobs[0], `{"n":2}`)
	_, state, _ = d.Position()
	assert.Equal(t, `{"start":1700000000000,"end":1700000020000,"state":{"n":2}}`, state)

	jobs = d.expect(20.5, "0:")
	assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", `{"n":2}`, true, false), frameOf(jobs[0]))
	assert.True(t, strings.HasPrefix(string(jobs[0].Event), `{"Records":[],`))
	d.Answer(at(21), jobs[0], d.settings, nil) // it fails, and so the shard waits
	d.expect(21.9)
	jobs = d.expect(22, "0:")
	answer(22, jobs[0], `{"dropped":true}`)
	jobs = d.expect(22, "0: 2")
	assert.Equal(t, fmt.Sprintf(frameText, 4, "14:0", "{}", false, false), frameOf(jobs[0]))
	answer(22, jobs[0], `{"n":1}`)

	// Nothing follows: the clock closes it.
	assert.Equal(t, 45.0, d.wake(22))
	d.expect(44.9)
	jobs = d.expect(45, "0:")
	assert.Equal(t, fmt.Sprintf(frameText, 4, "14:0", `{"n":1}`, true, false), frameOf(jobs[0]))
	answer(45, jobs[0], `{}`)
	_, state, _ = d.Position()
	assert.Empty(t, state)
	assert.True(t, d.Idle())
}

// A batch does not span windows, whatever the batching window says.
func TestDesk_aBatchEndsWithItsWindow(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20, MaximumBatchingWindowInSeconds: 300}, "")
	d.put(1, "k")
	d.put(19, "k")
	assert.Equal(t, 25.0, d.wake(19), "nothing is gathered beyond the end of its window")
	d.put(21, "k")
	jobs := d.expect(21, "0: 0 1")
	d.ok(21, jobs[0])
	d.expect(21, "0:")
}

// A part of a batch that is processed has its state; the rest gets it.
func TestDesk_partsOfABatchHandTheStateOn(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, "")
	d.put(0, "k", "k", "k")
	jobs := d.expect(0, "0: 0 1 2")
	d.Answer(at(0), jobs[0], d.settings, fmt.Appendf(nil, `{"state":{"n":1},"batchItemFailures":[{"itemIdentifier":"%v"}]}`, d.records[1].SequenceNumber))
	number, state, _ := d.Position()
	assert.Equal(t, d.records[0].SequenceNumber, number)
	assert.Contains(t, state, `"state":{"n":1}`)
	jobs = d.expect(1, "0: 1 2")
	assert.Contains(t, frameOf(jobs[0]), `"state":{"n":1}`)
	d.Answer(at(1), jobs[0], d.settings, nil)
	jobs = d.expect(2, "0: 1 2")
	assert.Contains(t, frameOf(jobs[0]), `"state":{"n":1}`, "what failed changes nothing")
	d.Answer(at(2), jobs[0], d.settings, fmt.Appendf(nil, `{"state":{"n":9},"batchItemFailures":[{"itemIdentifier":"%v"}]}`, d.records[1].SequenceNumber))
	jobs = d.expect(4, "0: 1 2")
	assert.Contains(t, frameOf(jobs[0]), `"state":{"n":1}`, "nothing of it was processed")
}

// A state that is too large ends the window early. The position does not move
// before: there is no state that it could be kept with.
func TestDesk_aLargeStateEndsTheWindowEarly(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20, BatchSize: 1}, "")
	d.put(0, "k", "k")
	large := `{"x":"` + strings.Repeat("x", eventsource.MaxStateBytes-8) + `"}`
	jobs := d.expect(0, "0: 0")
	d.Answer(at(0), jobs[0], d.settings, []byte(`{"state":`+large+`}`))
	number, state, ok := d.Position()
	assert.True(t, ok && number == d.records[0].SequenceNumber && len(state) > eventsource.MaxStateBytes, "as large as may be")
	jobs = d.expect(0, "0: 1")
	large = large[:len(large)-2] + `y"}`
	d.Answer(at(0), jobs[0], d.settings, []byte(`{"state":`+large+`}`))
	_, _, ok = d.Position()
	assert.False(t, ok)
	d.put(1, "k")
	jobs = d.expect(1, "0:")
	assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", large, true, true), frameOf(jobs[0]))
	d.ok(1, jobs[0])
	number, state, ok = d.Position()
	assert.True(t, ok && number == d.records[1].SequenceNumber)
	assert.Equal(t, `{"start":1700000000000,"end":1700000020000,"state":{}}`, state)
	jobs = d.expect(1, "0: 2")
	assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", `{}`, false, false), frameOf(jobs[0]), "the same window goes on")
	d.ok(1, jobs[0])
	jobs = d.expect(25, "0:")
	assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", `{}`, true, false), frameOf(jobs[0]))
}

// A worker that takes the shard over has the window and its state.
func TestDesk_resumesAWindow(t *testing.T) {
	const kept = `{"start":1700000000000,"end":1700000020000,"state":{"n":2}}`
	d := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, kept)
	d.put(3, "k")
	jobs := d.expect(3, "0: 0")
	assert.Contains(t, frameOf(jobs[0]), `"state":{"n":2}`)

	quiet := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, kept)
	assert.Equal(t, 25.0, quiet.wake(0), "without a record, too")
	quiet.expect(25, "0:")

	behind := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, kept)
	behind.Add(at(30), nil, nil, false)
	assert.Equal(t, 90.0, behind.wake(30), "later where more is to be read")

	ended := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, kept)
	ended.End()
	ended.expect(1, "0:")

	for _, s := range []eventsource.Settings{{TumblingWindowInSeconds: 10}, {}, {ParallelizationFactor: 10}} {
		other := newDesktop(t, s, kept) // the settings were changed
		other.put(3, "k")
		jobs := other.expect(3, "0:")
		assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", `{"n":2}`, true, false), frameOf(jobs[0]))
		other.ok(3, jobs[0])
		_, texts := other.next(3)
		assert.Len(t, texts, 1)
	}

	for _, bad := range []string{"x", "{}", `{"start":2,"end":1,"state":{}}`, `{"start":1,"end":2,"state":[]}`} {
		_, err := eventsource.NewDesk(eventsource.Settings{}, []byte(bad), epoch)
		assert.ErrorContains(t, err, "the state of the lease is none of an event source", bad)
	}
}

// A record of a window that the clock has closed opens it again.
func TestDesk_aLateRecordOpensItsWindowAgain(t *testing.T) {
	d := newDesktop(t, eventsource.Settings{TumblingWindowInSeconds: 20}, "")
	d.put(1, "k")
	d.Answer(at(1), d.expect(1, "0: 0")[0], d.settings, []byte(`{"state":{"n":1}}`))
	d.ok(25, d.expect(25, "0:")[0])
	late := record(t, "00001", "k", "x", at(19).UnixMilli())
	d.records = append(d.records, late)
	d.Add(at(26), []weir.Record{late}, nil, true)
	jobs := d.expect(26, "0: 1")
	assert.Equal(t, fmt.Sprintf(frameText, 2, "13:4", "{}", false, false), frameOf(jobs[0]))
	d.ok(26, jobs[0])
	assert.Equal(t, 31.0, d.wake(26), "and has its time")
}
