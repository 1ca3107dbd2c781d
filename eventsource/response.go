package eventsource

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/weirstream/weir"
)

// MaxResponseBytes is how large an answer of the function may be, which is the
// service's bound. One that is larger is an error of the function.
const MaxResponseBytes = 6<<20 + 100

// A verdict is what an answer of the function means.
type verdict struct {
	outcome
	state []byte // in windows: what is to be kept, a JSON object
	why   error  // what is wrong with it, if something is
}

// judge says what an answer means for the records that the function was given.
// Where it reports failures the lowest sequence number counts. Without reports
// and windows nobody looks at it.
func judge(answer []byte, reports, windows bool, items []item) verdict {
	if len(answer) > MaxResponseBytes {
		return verdict{outcome: outcome{kind: failed, threw: true}, why: fmt.Errorf("an answer of %d bytes; at most %d are allowed", len(answer), MaxResponseBytes)}
	}
	if !reports && !windows {
		return verdict{outcome: outcome{kind: succeeded}}
	}
	v := verdict{outcome: outcome{kind: succeeded}}
	object, why := open(answer)
	if why == nil && reports {
		v.outcome, why = firstFailure(object["batchItemFailures"], items)
	}
	if why == nil && windows {
		v.state, why = stateOf(object["state"])
	}
	if why != nil {
		return verdict{outcome: outcome{kind: failed}, why: why}
	}
	return v
}

// open returns the fields of an answer; none if it says nothing.
func open(answer []byte) (object map[string]json.RawMessage, err error) {
	switch answer = bytes.TrimSpace(answer); string(answer) {
	case "", "null", `""`:
		return nil, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(answer, &list) == nil && len(list) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(answer, &object); err != nil {
		return nil, fmt.Errorf("an answer that is no JSON object: %w", err)
	}
	return object, nil
}

// firstFailure returns what a list of failures means.
func firstFailure(list json.RawMessage, items []item) (o outcome, err error) {
	if list == nil {
		return o, nil
	}
	var failures []map[string]json.RawMessage
	if err := json.Unmarshal(list, &failures); err != nil {
		return o, fmt.Errorf("batchItemFailures: %w", err)
	}
	if len(failures) == 0 {
		return o, nil
	}
	index := make(map[weir.SequenceNumber]int, len(items))
	for i := range items {
		index[items[i].record.SequenceNumber] = i
	}
	o = outcome{kind: partial, at: len(items)}
	for i, f := range failures {
		var id string
		if err := json.Unmarshal(f["itemIdentifier"], &id); err != nil || id == "" {
			return o, fmt.Errorf("batchItemFailures[%d] has no itemIdentifier", i)
		}
		number, err := weir.ParseSequenceNumber(id)
		at, known := index[number]
		if err != nil || !known {
			return o, fmt.Errorf("batchItemFailures[%d]: %q is no record of the batch", i, brief(id))
		}
		o.at = min(o.at, at)
	}
	return o, nil
}

// stateOf returns the state that an answer carries, without spaces.
func stateOf(state json.RawMessage) ([]byte, error) {
	state = bytes.TrimSpace(state)
	if len(state) == 0 || state[0] != '{' {
		return nil, fmt.Errorf("an answer whose state is no JSON object, which it must be in a window")
	}
	var b bytes.Buffer
	if err := json.Compact(&b, state); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
