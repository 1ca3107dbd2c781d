package account

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"time"
)

// tokenLifetime is how long a NextToken can be used.
const tokenLifetime = 300 * time.Second

// A pageToken is what a NextToken stands for. As text it is base64 of JSON and
// a checksum that also covers the account: it is opaque, not secret, and means
// nothing to another account. It holds all that the next page needs, so it
// outlives the process.
type pageToken struct {
	Kind   string `json:"k"`
	Issued int64  `json:"t"` // Unix milliseconds

	Stream  string `json:"s,omitempty"`
	Created int64  `json:"c,omitempty"` // of the stream, Unix milliseconds
	After   string `json:"a,omitempty"` // the name of the last stream or queue given
	Order   int64  `json:"o,omitempty"` // of the last consumer or channel given

	Filtered string `json:"l,omitempty"` // tells the filter of a list of queues

	// Of lists of shards.
	From   int32 `json:"n,omitempty"`
	Filter int   `json:"f,omitempty"`
	Shard  int32 `json:"i,omitempty"`
	Millis int64 `json:"m,omitempty"`
}

// Kinds of tokens.
const (
	tokenOfStreams   = "streams"
	tokenOfShards    = "shards"
	tokenOfConsumers = "consumers"
	tokenOfChannels  = "channels"
	tokenOfQueues    = "queues"
)

const tokenChecksum = 12 // bytes

// besideToken has, of every operation that takes a NextToken, the members that
// are refused beside it, in the order in which they are looked at. A page is of
// the list that its token says; where a member is not here it is harmless: the
// address that an operation requires on every page, and the StreamFilter of
// ListChannels, which the token does not keep, and of ListQueues, which has to
// be the one that the token knows.
var besideToken = map[string][]string{
	"ListStreams":         {"ExclusiveStartStreamName"},
	"ListShards":          {"StreamName", "StreamARN", "StreamCreationTimestamp", "ExclusiveStartShardId", "ShardFilter"},
	"ListStreamConsumers": {"StreamCreationTimestamp"},
	"ListChannels":        {},
	"ListQueues":          {},
}

// checkToken refuses an input, a pointer to a structure, that has a NextToken
// and a member that excludes it.
func (c *control) checkToken(in any) error {
	members, ok := besideToken[c.op]
	if !ok {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	if v.FieldByName("NextToken").IsNil() {
		return nil
	}
	for _, member := range members {
		if !v.FieldByName(member).IsNil() {
			return errorf(CodeInvalidArgument, msgTokenAndMember, member)
		}
	}
	return nil
}

func (t pageToken) time() time.Time { return time.UnixMilli(t.Millis) }

// sealToken returns the text of a token that is issued now.
func (c *control) sealToken(t pageToken) string {
	t.Issued = c.now.UnixMilli()
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // numbers and texts only
	}
	return base64.StdEncoding.EncodeToString(append(b, c.a.tokenSum(b)...))
}

func (a *Account) tokenSum(b []byte) []byte {
	sum := sha256.Sum256(append(a.seal[:len(a.seal):len(a.seal)], b...))
	return sum[:tokenChecksum]
}

// openToken returns the token that a text stands for, if it is one of its kind
// and of this account, and has not expired.
func (c *control) openToken(text, kind string) (pageToken, error) {
	var t pageToken
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(b)) || // it skips line breaks
		len(b) < tokenChecksum {
		return t, errorf(CodeInvalidArgument, msgBadToken)
	}
	b, sum := b[:len(b)-tokenChecksum], b[len(b)-tokenChecksum:]
	if string(c.a.tokenSum(b)) != string(sum) || json.Unmarshal(b, &t) != nil || t.Kind != kind {
		return t, errorf(CodeInvalidArgument, msgBadToken)
	}
	issued := time.UnixMilli(t.Issued)
	if c.now.Sub(issued) > tokenLifetime {
		return t, errorf(CodeExpiredNextToken, msgTokenExpired, messageTime(issued), messageTime(c.now), tokenLifetime.Milliseconds())
	}
	return t, nil
}

// pageSize returns how many items a page has at most; more than most counts as
// most.
func pageSize(member string, limit *int32, most int) (int, error) {
	switch {
	case limit == nil:
		return most, nil
	case *limit < 1:
		return 0, invalid(quotedNumber(*limit), member, "Member must have value greater than or equal to 1")
	default:
		return min(int(*limit), most), nil
	}
}
