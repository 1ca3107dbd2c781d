package kinesisclient

import (
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
)

// A place is a position as the service takes it.
type place struct {
	kind   types.ShardIteratorType
	number *string
	time   *time.Time
}

// endingIndex is the index of the ending numbers of closed shards.
const endingIndex = math.MaxInt64

func placeOf(p weir.Position) place {
	at := place{kind: types.ShardIteratorType(p.Kind())}
	if n := p.Number(); !n.IsZero() {
		at.number = aws.String(n.String())
		// A position behind a shard's ending number is its end. The service
		// refuses to begin after that number, and not at it.
		if at.kind == types.ShardIteratorTypeAfterSequenceNumber && n.Index() == endingIndex {
			at.kind = types.ShardIteratorTypeAtSequenceNumber
		}
	}
	if at.kind == types.ShardIteratorTypeAtTimestamp {
		at.time = aws.Time(p.Time())
	}
	return at
}

// again is where a reader that has not read anything begins a second time: what
// it knows of the tip is when it was there.
func again(from weir.Position, opened time.Time) weir.Position {
	if from.Kind() == weir.Latest().Kind() {
		return weir.AtTime(opened)
	}
	return from
}
