package entries_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/entries"
)

// read returns "key|data" of each record, and the text of each error.
func read(t *testing.T, text, format, key string) (list []string) {
	t.Helper()
	var k entries.Key
	require.NoError(t, k.Set(key))
	s := entries.New(strings.NewReader(text), format, k)
	for {
		e, err := s.Next()
		var bad *entries.BadError
		switch {
		case err == io.EOF:
			return list
		case errors.As(err, &bad):
			list = append(list, bad.Error())
		case err != nil:
			return append(list, "end: "+err.Error())
		default:
			list = append(list, e.PartitionKey+"|"+string(e.Data))
		}
	}
}

func TestSource_lines(t *testing.T) {
	assert.Equal(t, []string{"k|one", "k|two  ", "k|three"}, read(t, "one\n\n  \ntwo  \r\nthree", entries.Lines, "=k"))
	assert.Equal(t, []string{"a|1 a x", "record 2: has 1 columns; the key is in column 2", "b|3\tb"}, read(t, "1 a x\n2\n3\tb\n", entries.Lines, "2"))
	assert.Empty(t, read(t, "", entries.Lines, "=k"))
}

func TestSource_randomKeysDiffer(t *testing.T) {
	list := read(t, strings.Repeat("x\n", 100), entries.Lines, "random")
	seen := make(map[string]bool)
	for _, r := range list {
		assert.True(t, strings.HasSuffix(r, "|x"))
		seen[r] = true
	}
	assert.Len(t, seen, 100)
}

func TestSource_json(t *testing.T) {
	assert.Equal(t, []string{
		`eu|{"user":{"id":"eu"}}`, `7.5|{"user":{"id":7.5}}`,
		"record 3: has no field .user.id for the key", "record 4: has no field .user.id for the key",
		"record 5: field .user.id, the key, is neither a string nor a number", "record 6: is no JSON",
		"record 7: the key is empty",
	}, read(t, `{"user":{"id":"eu"}}
{"user":{"id":7.5}}
{"user":7}
[1]
{"user":{"id":true}}
{"user"
{"user":{"id":""}}
`, entries.JSON, ".user.id"))
}

func TestSource_records(t *testing.T) {
	assert.Equal(t, []string{
		"k|one", "k|\xff", "k|",
		`record 4: has no "key"`, `record 5: has neither "text" nor "data"`, `record 6: has both "text" and "data"`,
		"record 7: the key is empty",
	}, read(t, `{"id":"1","key":"k","text":"one","shard":"x"}
{"key":"k","data":"/w=="}
{"key":"k","text":""}
{"text":"one"}
{"key":"k"}
{"key":"k","text":"","data":""}
{"key":"","text":"x"}
`, entries.Records, "random"))
	// A line that is not of the form is told in the words of JSON, not of Go.
	assert.Equal(t, []string{
		`record 1: "data" is no base64: illegal base64 data at input byte 2`,
		"record 2: is no object of a record: it is a JSON number", "record 3: is no object of a record: it is a JSON array",
		`record 4: "key" is no string: it is a JSON number`, `record 5: "data" is no string: it is a JSON object`,
		`record 6: is no object of a record: hash key: "abc" is not a decimal number of 1 to 39 digits`,
		"record 7: is no object of a record: invalid character 'x' looking for beginning of value",
	}, read(t, `{"key":"k","data":"no base64!"}
7
[1]
{"key":1,"text":"x"}
{"key":"k","data":{}}
{"key":"k","text":"x","hash":"abc"}
x
`, entries.Records, "random"))
}

func TestSource_lengths(t *testing.T) {
	assert.Equal(t, []string{"k|one", "k|", "k|a\nb"}, read(t, "\x00\x00\x00\x03one\x00\x00\x00\x00\x00\x00\x00\x03a\nb", entries.Lengths, "=k"))
	assert.Equal(t, []string{"end: record 1: the file ends after 2 bytes of its length"}, read(t, "\x00\x00", entries.Lengths, "=k"))
	assert.Equal(t, []string{"end: record 1: the file ends after 1 of its 3 bytes"}, read(t, "\x00\x00\x00\x03o", entries.Lengths, "=k"))
	assert.Equal(t, []string{"end: record 1: its length, 4294967295, is longer than the 10485760 bytes of the largest record"},
		read(t, "\xff\xff\xff\xff", entries.Lengths, "=k"))
}

func TestSource_whatIsTooLong(t *testing.T) {
	long := strings.Repeat("x", weir.MaxRecordBytes)
	const tooLong = "is longer than the 10485760 bytes of the largest record"
	assert.Equal(t, []string{"record 1: " + tooLong, "k|short", "record 3: " + tooLong}, read(t, long+"\nshort\n"+long+long+long, entries.Lines, "=k"))
	assert.Len(t, read(t, long[1:]+"\n", entries.Lines, "=k")[0], weir.MaxRecordBytes+1)
	assert.Equal(t, []string{"record 1: the key has 257 characters; at most 256 are allowed"}, read(t, strings.Repeat("é", 257), entries.Lines, "1"))
}

func TestKey_badRules(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "=", ".", ".a..b", "user", "1001", "=" + strings.Repeat("x", 257)} {
		var k entries.Key
		assert.Error(t, k.Set(text), "%.20q", text)
	}
}
