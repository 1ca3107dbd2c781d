package account

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// A rebuilding makes an account anew whose journal has one head only, and that
// is damaged: of what stands behind it, and of what streams know themselves.
// Behind the head stands what has changed since; nothing says what had been
// there before and not changed, unless it is the first head of all, before which
// there was nothing.
type rebuilding struct {
	*StorageCheck
	parts map[string]json.RawMessage
	names map[string]uint64 // the streams that it has, by name
}

// scopeDir is how weir serve calls the directory of an account.
var scopeDir = regexp.MustCompile(`^(\d{12})-([a-z0-9-]{1,64})$`)

// rebuild says what a repair makes of the account. whole says that all that was
// ever noted stands behind the damage, and behind is what was read there. there
// are the directories of streams.
func (c *StorageCheck) rebuild(whole bool, behind *diskState, there map[uint64]string) error {
	c.Repairable, c.Rebuilds = true, true
	c.ID, c.Region = behind.ID, behind.Region
	if is := scopeDir.FindStringSubmatch(filepath.Base(c.Dir)); c.ID == "" && is != nil {
		c.ID, c.Region = is[1], is[2]
	}
	if c.ID == "" {
		c.Loses = append(c.Loses, "the account's ID and region: they are those of whoever opens it next")
	}
	for number := range there {
		c.last = max(c.last, number)
	}
	c.kept = maps.Clone(c.known)
	if whole {
		c.LostBytes = 0
		if len(c.Loses) == 0 {
			c.Loses = append(c.Loses, "nothing: all that the account knew stands behind the damage")
		}
		return nil
	}
	b := &rebuilding{c, c.kept, make(map[string]uint64)}
	b.account()
	said := len(c.Loses)
	err := b.streams(there)
	slices.Sort(c.Loses[said:])
	slices.Sort(c.before)
	return err
}

// account restores what the account knows of itself.
func (b *rebuilding) account() {
	lost := "what is not known from behind the damage: channels, and which numbers streams had that were deleted"
	saved := savedAccount{Version: savedVersion}
	if part := b.parts[keyAccount]; part == nil || json.Unmarshal(part, &saved) != nil {
		lost += "; the account's own settings, such as On-demand Advantage"
	}
	b.Loses = append(b.Loses, lost)
	for key, part := range b.parts {
		k, ok := parseKey(key)
		var of struct{ Order uint64 }
		if !ok || json.Unmarshal(part, &of) != nil {
			continue
		}
		switch k.kind { // the next ones are greater
		case keyChannel:
			saved.ChannelSeq = max(saved.ChannelSeq, of.Order)
		case keyQueue:
			saved.QueueSeq = max(saved.QueueSeq, of.Order)
		}
	}
	if saved.ChannelSeq > 0 || saved.QueueSeq > 0 || saved.Commitment != (commitment{}) {
		b.parts[keyAccount] = text(saved)
	}
}

// streams restores what it knows of its streams, the newest first: if several
// have a name, all but one of them were deleted.
func (b *rebuilding) streams(there map[uint64]string) error {
	numbers := make(map[uint64]bool)
	for number := range there {
		numbers[number] = true
	}
	for key := range b.parts {
		if k, ok := parseKey(key); ok {
			numbers[k.number] = true
		}
	}
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(numbers))) {
		if err := b.stream(number, there[number]); err != nil {
			return err
		}
	}
	return nil
}

// stream restores a stream of a number, with a directory of that name, if there
// is one.
func (b *rebuilding) stream(number uint64, dir string) (err error) {
	found := &weir.StorageCheck{} // has nothing
	path := filepath.Join(b.Dir, streamsDir, dir)
	if dir != "" && checkThere(path) == nil {
		if found, err = weir.CheckStorage(path); err != nil {
			return err
		}
		b.checked[number] = found
	}
	if found.Damage != nil && found.Repairable {
		b.before = append(b.before, number)
	}
	saved, known := streamOf(b.parts, number)
	switch what := "stream " + strings.TrimSuffix(dir[min(17, len(dir)):], ".stream"); {
	case known && b.names[saved.Name] == 0:
		b.names[saved.Name] = number
		b.rest(number, &saved, found, false)
		return nil
	case b.checked[number] == nil: // a crash left it, or it is not there
	case found.Damage != nil && !found.Repairable:
		b.Loses = append(b.Loses, what+": it is damaged, and nothing of it can be kept; its directory is put aside")
	case streamDirs(b.Dir).path(number, found.Stream) != path:
		b.Loses = append(b.Loses, fmt.Sprintf("%s: it is called %s, and not as its directory, which is put aside", what, found.Stream))
	case b.names[found.Stream] != 0:
		b.Loses = append(b.Loses, fmt.Sprintf("%s of number %d: there is a newer one of that name; its directory is put aside", what, number))
	default:
		b.names[found.Stream] = number
		saved = streamFrom(found)
		b.rest(number, &saved, found, true)
		return nil
	}
	maps.DeleteFunc(b.parts, func(key string, _ json.RawMessage) bool {
		k, ok := parseKey(key)
		return ok && k.number == number
	})
	return nil
}

// streamFrom returns what can be told of a stream by what it knows itself.
func streamFrom(found *weir.StorageCheck) savedStream {
	warm := int32(found.Settings.WarmThroughput)
	return savedStream{
		Name: found.Stream, Created: found.CreatedAt.Truncate(time.Millisecond), Status: StatusActive, Open: true,
		Mode: modeName(found.Settings.Mode), Warm: WarmThroughput{warm, warm},
	}
}

// rest restores the consumers, channels and queues of a stream, and notes it. It
// says what is lost of it, which is more if it is made from its directory.
func (b *rebuilding) rest(number uint64, saved *savedStream, found *weir.StorageCheck, made bool) {
	first, had := streamKey(number), saved.Parts
	lose := func(what string) { b.Loses = append(b.Loses, "stream "+saved.Name+": "+what) }
	if made {
		lose("its tags, policy, encryption, enhanced monitoring, and what was under way; the rest is as its directory says")
	}
	saved.Parts = nil
	for key, part := range b.parts {
		rest, ok := strings.CutPrefix(key, first)
		if !ok || rest == "" {
			continue
		}
		saved.Parts = append(saved.Parts, rest)
		var of savedConsumer
		if strings.HasPrefix(rest, keyConsumer) && json.Unmarshal(part, &of) == nil {
			saved.Registered = max(saved.Registered, of.Order)
		}
	}
	names := slices.SortedFunc(maps.Keys(found.Consumers), func(x, y string) int {
		return cmp.Or(found.Consumers[x].Compare(found.Consumers[y]), strings.Compare(x, y))
	})
	for _, name := range names {
		key := keyConsumer + name
		if b.parts[first+key] != nil {
			continue
		}
		saved.Registered++
		b.parts[first+key] = text(savedConsumer{
			Name: name, Created: found.Consumers[name].Truncate(time.Second), Order: saved.Registered, Status: StatusActive,
		})
		saved.Parts = append(saved.Parts, key)
		lose("consumer " + name + ": its tags and policy, and its ARN may be another")
	}
	queues, _ := filepath.Glob(filepath.Join(globEscape(found.Dir), queuePrefix+"*"))
	for _, path := range queues {
		key := keyQueue + strings.TrimPrefix(filepath.Base(path), queuePrefix)
		if b.parts[first+key] == nil && found.Dir != "" && checkThere(path) == nil {
			lose(key[1:] + ": its directory is put aside; the records stay in the stream")
			had = slices.DeleteFunc(had, func(other string) bool { return other == key })
		}
	}
	for _, key := range had {
		if b.parts[first+key] == nil {
			lose(key[1:])
		}
	}
	slices.Sort(saved.Parts)
	b.parts[first] = text(saved)
}
