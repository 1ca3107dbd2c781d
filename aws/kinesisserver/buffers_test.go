package kinesisserver_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/aws/account"
)

// The buffers of a batch are used again. One that is read into up to somewhat
// less than 64 KiB was left for a larger one, and an answer that needs as much
// began with none: 380 KB a batch where the records and their keys take 90.
func TestPutRecords_usesBuffersAgain(t *testing.T) {
	s := newServerOf(t, account.Instant()).withStream()
	for _, contentType := range []string{jsonType, cborType} {
		body := []byte(putRecordsBody(500, 100))
		if contentType == cborType {
			body = toCBOR(t, string(body))
		}
		r := newReplay(s.handler, "PutRecords", contentType, body)
		least := ^uint64(0)
		for range 10 { // collections of garbage take buffers
			least = min(least, allocated(func() { r.call(t) }))
		}
		assert.Less(t, least, uint64(200<<10), contentType)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
