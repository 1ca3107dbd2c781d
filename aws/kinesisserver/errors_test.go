package kinesisserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/aws/kinesisserver"
)

// An error tells back a few hundred bytes of each value that it refuses, at
// most ten, however large the request was.
func TestError_isShort(t *testing.T) {
	s := newServer(t).withStream()
	long := strings.Repeat("ü", 1<<20)
	many := strings.TrimSuffix(strings.Repeat(`"`+long[:2000]+`",`, 200), ",")
	for op, body := range map[string]string{
		"DescribeStream":        `{"StreamName":"` + long + `"}`,
		"DescribeStreamSummary": `{"StreamARN":"` + long + `","StreamId":"` + long + `"}`,
		"PutRecord":             `{"StreamName":"s","PartitionKey":"a","Data":"` + long + `"}`,
		"PutRecords":            `{"StreamName":"s","Records":[{"PartitionKey":"` + long + `","ExplicitHashKey":"` + long + `","Data":""}]}`,
		"GetRecords":            `{"ShardIterator":"` + long + `"}`,
		"GetShardIterator":      `{"StreamName":"s","ShardId":"` + long + `","ShardIteratorType":"` + long + `"}`,
		"ListShards":            `{"NextToken":"` + long + `"}`,
		"RemoveTagsFromStream":  `{"StreamName":"s","TagKeys":[` + many + `]}`,
		"AddTagsToStream":       `{"StreamName":"s","Tags":{"` + long + `":null,"b":"` + long + `"}}`,
		"DeleteStream":          `{"StreamName":"s","EnforceConsumerDeletion":"` + long + `"}`,
		"StartStreamEncryption": `{"StreamName":"s","EncryptionType":"` + long + `","KeyId":"` + long + `"}`,
	} {
		for _, r := range []response{s.call(op, body), s.callCBOR(op, body)} {
			assert.Equal(t, http.StatusBadRequest, r.status, op)
			assert.Less(t, len(r.body), 10*800, op)
		}
	}
}

// So do those that refuse a signature.
func TestSignature_shortErrors(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) {
		c.Credentials = []kinesisserver.Credential{{AccessKeyID: "a", SecretAccessKey: "b"}}
	})
	long := strings.Repeat("x", 60<<10)
	for _, header := range []string{
		"AWS4-HMAC-SHA256 " + long,
		long + " Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
		"AWS4-HMAC-SHA256 Credential=a/b/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=" + long,
		"AWS4-HMAC-SHA256 Credential=" + long + "/b/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0",
	} {
		r := request("ListStreams", jsonType, []byte(`{}`))
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", long)
		got := s.do(r)
		assert.Equal(t, http.StatusBadRequest, got.status)
		assert.Less(t, len(got.body), 1500, header[:30])
	}
}
