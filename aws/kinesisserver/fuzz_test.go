package kinesisserver_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fuzzed are the operations that the fuzzer calls: those that do not grow
// without bound.
var fuzzed = []string{"PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "DescribeStream", "ListShards", "ListStreams",
	"AddTagsToStream", "RemoveTagsFromStream", "EnableEnhancedMonitoring", "UpdateStreamMode", "CreateChannel", "PutResourcePolicy",
	"SubscribeToShard", "MergeShards", "DescribeStreamConsumer", "UpdateAccountSettings"}

// Whatever comes, the answer is a right one: of a known status, in the protocol
// of the request, and never a failure of the server's own.
func FuzzHandler(f *testing.F) {
	seeds := []string{
		`{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`, `{"StreamName":"s","Records":[{"Data":"","PartitionKey":"a"}]}`,
		`{"ShardIterator":"AAAA","Limit":1}`, `{"StreamName":"s","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1e300}`,
		`{"StreamName":"s","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":-1}}`, `{"StreamName":"s","Tags":{"a":"b","":null}}`,
		`{"StreamName":"s","TagKeys":["a",null]}`, `{"StreamName":"s","ShardLevelMetrics":["ALL"]}`, `{"NextToken":"eyJ9"}`,
		`{"ResourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","Policy":"{}"}`, `{"StreamARN":"arn:aws:kinesis:::stream/"}`, `{}`, `[`, ``,
	}
	for i, seed := range seeds {
		for op := range fuzzed {
			if (op+i)%4 == 0 {
				f.Add(uint8(op), false, []byte(seed))
				f.Add(uint8(op), true, asCBOR(seed))
			}
		}
	}
	s := newServer(f).withStream()
	f.Fuzz(func(t *testing.T, op uint8, inCBOR bool, body []byte) {
		contentType := jsonType
		if inCBOR {
			contentType = cborType
		}
		r := s.do(request(fuzzed[int(op)%len(fuzzed)], contentType, body))
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, r.status, "%s", r.body)
		assert.Equal(t, contentType, r.header.Get("Content-Type"))
		switch {
		case len(r.body) == 0:
		case inCBOR:
			assert.NoError(t, cbor.Wellformed(r.body))
		default:
			assert.True(t, json.Valid(r.body), "%s", r.body)
		}
		if strings.Contains(s.metricsText(), "weir_panics_total 0\n") {
			return
		}
		t.Fatal("a panic")
	})
}

// asCBOR turns JSON into CBOR, or returns it as it is.
func asCBOR(body string) []byte {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return []byte(body)
	}
	b, err := cbor.Marshal(v)
	if err != nil {
		return []byte(body)
	}
	return b
}
