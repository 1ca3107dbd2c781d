package dynamolease

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/weirstream/weir/lease"
)

// The library's attributes.
const (
	keyName        = "leaseKey"
	ownerName      = "leaseOwner"
	counterName    = "leaseCounter"
	switchesName   = "ownerSwitchesSinceCheckpoint"
	checkpointName = "checkpoint"
	subName        = "checkpointSubSequenceNumber"
	parentsName    = "parentShardId"
	childrenName   = "childShardIds"
	firstName      = "startingHashKey"
	lastName       = "endingHashKey"
	throughputName = "throughputKBps"
	oldOwnerName   = "checkpointOwner" // who is to finish before the owner begins; version 3 alone
	entityType     = "entityType"      // absent is a lease
	entityLease    = "LEASE"
	streamName     = "streamName" // account:stream:epoch, of several streams alone
	shardName      = "shardId"    // of several streams alone
)

// The library's, of a checkpoint that was announced: the next one ends it.
var pendingNames = []string{"pendingCheckpoint", "pendingCheckpointSubSequenceNumber", "pendingCheckpointState"}

// Ours.
const (
	wantedName    = "weirWanted"
	stateName     = "weirState"
	ourStreamName = "weirStream"
	// writtenName is the counter that our last write left. Where the row has
	// another one the library has written since.
	writtenName = "weirCounter"
)

// An item is a row.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number[N int64 | uint64](n N) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

func keyOf(key string) item { return item{keyName: text(key)} }

// isLease reports whether a row is one of a lease.
func isLease(row item) bool {
	kind, there := row[entityType]
	s, _ := kind.(*types.AttributeValueMemberS)
	return !there || s != nil && s.Value == entityLease
}

// encode returns the attributes of a lease but its key; nil is one that a row of
// it does not have.
func encode(l lease.Lease) item {
	i := item{
		ownerName:      orNone(l.Owner),
		wantedName:     orNone(l.Wanted),
		counterName:    number(l.Counter),
		writtenName:    number(l.Counter),
		switchesName:   number(l.Switches),
		checkpointName: orNone(l.Checkpoint.Sequence),
		subName:        number(l.Checkpoint.Sub),
		stateName:      nil,
		parentsName:    relatives(l.Key, l.Parents),
		childrenName:   relatives(l.Key, l.Children),
		firstName:      orNone(l.FirstHashKey),
		lastName:       orNone(l.LastHashKey),
		throughputName: nil,
		ourStreamName:  orNone(l.Stream),
	}
	if len(l.State) > 0 {
		i[stateName] = &types.AttributeValueMemberB{Value: l.State}
	}
	const least = 1e-100 // the numbers of DynamoDB do not go as near to zero as ours
	if l.Throughput >= least {
		i[throughputName] = &types.AttributeValueMemberN{Value: strconv.FormatFloat(l.Throughput, 'g', -1, 64)}
	}
	if stream, shard, is := ofStream(l.Key); is {
		i[streamName], i[shardName], i[ourStreamName] = text(stream), text(shard), text(l.Stream)
	}
	return i
}

func orNone(s string) types.AttributeValue {
	if s == "" {
		return nil
	}
	return text(s)
}

// ofStream takes apart a key of several streams: account:stream:epoch:shard.
func ofStream(key string) (stream, shard string, is bool) {
	parts := strings.Split(key, ":")
	if len(parts) != 4 || slices.Contains(parts, "") {
		return "", "", false
	}
	return strings.Join(parts[:3], ":"), parts[3], true
}

// relatives returns a set of shards. The library has the ids of shards there,
// also where keys name streams.
func relatives(key string, keys []string) types.AttributeValue {
	if len(keys) == 0 {
		return nil
	}
	set := make([]string, len(keys))
	stream, _, is := ofStream(key)
	for i, k := range keys {
		if set[i] = k; is {
			set[i] = strings.TrimPrefix(k, stream+":")
		}
	}
	return &types.AttributeValueMemberSS{Value: set}
}

// decode reads a row.
func decode(row item) (lease.Lease, error) {
	r := reader{row: row}
	l := lease.Lease{
		Key: r.text(keyName), Owner: r.text(ownerName), Wanted: r.text(wantedName),
		Counter: r.int(counterName), Switches: r.int(switchesName),
		Checkpoint:   lease.Checkpoint{Sequence: r.text(checkpointName), Sub: uint64(r.int(subName))},
		State:        r.bytes(stateName),
		FirstHashKey: r.text(firstName), LastHashKey: r.text(lastName),
		Throughput: r.float(throughputName),
	}
	if old := r.text(oldOwnerName); old != "" {
		// Who hands a lease over owns it, and the owner that is named wants it.
		if l.Owner != "" && l.Owner != old {
			l.Wanted = l.Owner
		}
		l.Owner = old
	}
	l.Parents, l.Children = r.relatives(parentsName, l.Key), r.relatives(childrenName, l.Key)
	if _, there := row[ourStreamName]; there {
		l.Stream = r.text(ourStreamName)
	} else {
		l.Stream = r.text(streamName)
	}
	if _, there := row[counterName]; !there {
		r.wrong(counterName, "is not there")
	}
	if r.err == nil {
		r.err = l.Check()
	}
	return l, r.err
}

// ofLibrary reports whether a row is a lease that is as it was seen, and that a
// worker of the library has, who renews it all the time.
func ofLibrary(row item, l lease.Lease, seen int64) bool {
	r := reader{row: row}
	ours := r.int(counterName) == r.int(writtenName) && row[writtenName] != nil
	return isLease(row) && r.int(counterName) == seen && r.text(ownerName) == l.Owner && r.text(oldOwnerName) == "" &&
		!ours && r.err == nil
}

// A reader reads attributes until one is not what it should be. One that is not
// there is zero.
type reader struct {
	row item
	err error
}

func (r *reader) wrong(name, why string) {
	if r.err == nil {
		key, _ := r.row[keyName].(*types.AttributeValueMemberS)
		if key == nil {
			key = new(types.AttributeValueMemberS)
		}
		r.err = fmt.Errorf("row %.100q: the attribute %s %s", key.Value, name, why)
	}
}

func (r *reader) text(name string) string {
	switch v := r.row[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
		return ""
	case *types.AttributeValueMemberS:
		return v.Value
	}
	r.wrong(name, "is no text")
	return ""
}

// digits returns a number as text.
func (r *reader) digits(name string) string {
	switch v := r.row[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
		return "0"
	case *types.AttributeValueMemberN:
		return v.Value
	}
	r.wrong(name, "is no number")
	return "0"
}

func (r *reader) int(name string) int64 {
	s := r.digits(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		r.wrong(name, fmt.Sprintf("is %.50q, which is no count", s))
	}
	return n
}

func (r *reader) float(name string) float64 {
	s := r.digits(name)
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		r.wrong(name, fmt.Sprintf("is %.50q, which is too large", s))
	}
	return x
}

func (r *reader) bytes(name string) []byte {
	switch v := r.row[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
		return nil
	case *types.AttributeValueMemberB:
		return v.Value
	}
	r.wrong(name, "is not binary")
	return nil
}

func (r *reader) relatives(name, key string) []string {
	var set []string
	switch v := r.row[name].(type) {
	case nil, *types.AttributeValueMemberNULL:
		return nil
	case *types.AttributeValueMemberSS:
		set = v.Value
	default:
		r.wrong(name, "is no set of texts")
	}
	keys := make([]string, len(set))
	stream, _, is := ofStream(key)
	for i, s := range set {
		if keys[i] = s; is && !strings.Contains(s, ":") {
			keys[i] = stream + ":" + s
		}
	}
	return keys
}
