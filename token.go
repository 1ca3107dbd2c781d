package weir

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/internal/shardlog"
)

// A token is an iterator as text: base64 of the version, the stream's creation,
// the shard's number and creation, the position, when it was issued, the
// stream's name, and a checksum of all that. It says everything a read needs, so
// it may be sent to another process that holds the same stream. It is opaque,
// not secret: the checksum tells damage from a token, no more.
const (
	tokenVersion  = 1
	tokenFixed    = 1 + 8 + 4 + 8 + 8 + 8 // bytes before the name
	tokenChecksum = 8
)

// Token returns it as opaque text of at most 512 characters, which
// [Stream.ParseToken] reads, or "" if it is not an iterator of this stream.
func (s *Stream) Token(it Iterator) string {
	if it.stream != s {
		return ""
	}
	b := make([]byte, 0, tokenFixed+len(s.name)+tokenChecksum)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(s.created))
	b = binary.BigEndian.AppendUint32(b, uint32(it.shard))
	b = binary.BigEndian.AppendUint64(b, it.created)
	b = binary.BigEndian.AppendUint64(b, s.beforeGap(it))
	b = binary.BigEndian.AppendUint64(b, uint64(it.issued))
	b = append(b, s.name...)
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(append(b, sum[:tokenChecksum]...))
}

// beforeGap returns the index that an iterator reads next or, behind a gap, the
// one that the gap begins with. It is as good until there is a record behind
// the gap, and is not taken for a lost one when the stream is saved and loaded
// before that.
func (s *Stream) beforeGap(it Iterator) uint64 {
	sh := s.routes.Load().shard(it.shard)
	if sh == nil {
		return it.cursor.Next
	}
	return sh.log.Previous(it.cursor.Next) + 1
}

// TokenStream returns the name of the stream that a token reads. The error
// matches [ErrInvalidIterator].
func TokenStream(token string) (string, error) {
	b, err := decodeToken(token)
	if err != nil {
		return "", err
	}
	return string(b[tokenFixed:]), nil
}

// decodeToken returns a token's bytes without the checksum.
func decodeToken(token string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(token) != base64.StdEncoding.EncodedLen(len(b)) || // it skips line breaks
		len(b) < tokenFixed+tokenChecksum || b[0] != tokenVersion {
		return nil, fmt.Errorf("%w: %q is not a token", ErrInvalidIterator, abbreviate(token))
	}
	b, check := b[:len(b)-tokenChecksum], b[len(b)-tokenChecksum:]
	if sum := sha256.Sum256(b); string(sum[:tokenChecksum]) != string(check) {
		return nil, fmt.Errorf("%w: the token is damaged", ErrInvalidIterator)
	}
	return b, nil
}

// ParseToken returns the iterator that a token stands for. The error matches
// [ErrInvalidIterator] when it is no token or one of another stream; a token of
// an earlier stream of the same name counts as such, and one whose shard has
// vanished gives [ErrShardNotFound]. One that was given out by a run that is
// lost, see [LoadStream], matches [ErrInvalidSequenceNumber] as well. Whether
// the iterator has expired is for the read to say.
func (s *Stream) ParseToken(token string) (Iterator, error) {
	b, err := decodeToken(token)
	if err != nil {
		return Iterator{}, err
	}
	if string(b[tokenFixed:]) != s.name || instant(binary.BigEndian.Uint64(b[1:])) != s.created {
		return Iterator{}, fmt.Errorf("%w: the token belongs to another stream", ErrInvalidIterator)
	}
	it := Iterator{
		stream: s, shard: ShardID(binary.BigEndian.Uint32(b[9:])), created: binary.BigEndian.Uint64(b[13:]),
		cursor: shardlog.Cursor{Next: binary.BigEndian.Uint64(b[21:])}, issued: instant(binary.BigEndian.Uint64(b[29:])),
	}
	sh := s.routes.Load().shard(it.shard)
	if sh == nil {
		return Iterator{}, s.shardNotFound(it.shard)
	}
	if it.cursor.Next == 0 || it.cursor.Next > closedShardIndex+1 {
		return Iterator{}, fmt.Errorf("%w: the token belongs to another stream", ErrInvalidIterator)
	}
	if err := sh.checkLost(it); err != nil {
		return Iterator{}, err
	}
	return it, nil
}

// checkLost refuses an iterator of the shard that a lost run gave out.
func (sh *shard) checkLost(it Iterator) error {
	reason := ""
	if g, lost := sh.log.Lost(it.cursor.Next); lost && it.cursor.Next > g.From {
		reason = lostReason
	}
	if sh.created != it.created { // of the same stream, so the shard was another one
		reason = "did not come from this stream"
	}
	if reason == "" {
		return nil
	}
	n := newSequenceNumber(it.created, sh.shard, it.cursor.Next, it.created)
	return fmt.Errorf("%w: %w", ErrInvalidIterator,
		&SequenceNumberError{Text: n.String(), Reason: reason, Shard: sh.shard, Encodes: sh.shard})
}
