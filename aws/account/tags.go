package account

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTagKey      = 128 // characters
	maxTagValue    = 256 // characters
	maxListedTags  = 50  // of one ListTagsForStream
	reservedPrefix = "aws:"
)

// A tagged is a resource with tags.
type tagged struct {
	kind  string // "stream", "consumer", "channel" or "queue"
	label string // kind and name, for messages
	tags  *map[string]string
}

func (st *stream) tagged() tagged { return tagged{"stream", "stream " + st.name, &st.tags} }

// AddTagsToStream adds tags to a stream, or changes their values: 50 at most. A
// stream that is CREATING or DELETING admits none.
func (a *Account) AddTagsToStream(ctx context.Context, in *AddTagsToStreamInput) (*AddTagsToStreamOutput, error) {
	return do(ctx, a, "AddTagsToStream", in, func(c *control, in *AddTagsToStreamInput) (*AddTagsToStreamOutput, error) {
		st, err := c.stream(in.StreamName, in.StreamARN)
		if err == nil {
			err = st.needOpen()
		}
		if err == nil {
			err = c.addTags(st.tagged(), in.Tags)
		}
		return &AddTagsToStreamOutput{}, err
	})
}

// RemoveTagsFromStream removes tags from a stream. Keys that it does not have
// are passed over.
func (a *Account) RemoveTagsFromStream(ctx context.Context, in *RemoveTagsFromStreamInput) (*RemoveTagsFromStreamOutput, error) {
	return do(ctx, a, "RemoveTagsFromStream", in, func(c *control, in *RemoveTagsFromStreamInput) (*RemoveTagsFromStreamOutput, error) {
		st, err := c.stream(in.StreamName, in.StreamARN)
		if err == nil {
			err = st.needOpen()
		}
		if err == nil {
			err = c.removeTags(st.tagged(), in.TagKeys)
		}
		return &RemoveTagsFromStreamOutput{}, err
	})
}

// ListTagsForStream lists a stream's tags by key. The next page begins after
// the last key, as ExclusiveStartTagKey.
func (a *Account) ListTagsForStream(ctx context.Context, in *ListTagsForStreamInput) (*ListTagsForStreamOutput, error) {
	return do(ctx, a, "ListTagsForStream", in, listTagsForStream)
}

func listTagsForStream(c *control, in *ListTagsForStreamInput) (*ListTagsForStreamOutput, error) {
	st, err := c.stream(in.StreamName, in.StreamARN)
	if err != nil {
		return nil, err
	}
	limit := lifted
	if in.Limit != nil {
		if limit, err = pageSize("limit", in.Limit, maxListedTags); err != nil {
			return nil, err
		}
	}
	out := &ListTagsForStreamOutput{Tags: []Tag{}}
	for _, tag := range sortedTags(st.tags) {
		if in.ExclusiveStartTagKey != nil && tag.Key <= *in.ExclusiveStartTagKey {
			continue
		}
		if out.HasMoreTags = len(out.Tags) == limit; out.HasMoreTags {
			break
		}
		out.Tags = append(out.Tags, tag)
	}
	return out, nil
}

// TagResource adds tags to a stream, consumer, channel or queue, or changes
// their values: 50 at most. A stream's are those of [Account.AddTagsToStream].
func (a *Account) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	return do(ctx, a, "TagResource", in, func(c *control, in *TagResourceInput) (*TagResourceOutput, error) {
		r, err := c.tagged(in.ResourceARN, true)
		if err == nil {
			err = c.addTags(r, in.Tags)
		}
		return &TagResourceOutput{}, err
	})
}

// UntagResource removes tags from a stream, consumer, channel or queue.
func (a *Account) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	return do(ctx, a, "UntagResource", in, func(c *control, in *UntagResourceInput) (*UntagResourceOutput, error) {
		r, err := c.tagged(in.ResourceARN, true)
		if err == nil {
			err = c.removeTags(r, in.TagKeys)
		}
		return &UntagResourceOutput{}, err
	})
}

// ListTagsForResource lists the tags of a stream, consumer, channel or queue by
// key.
func (a *Account) ListTagsForResource(ctx context.Context, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	return do(ctx, a, "ListTagsForResource", in, func(c *control, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
		r, err := c.tagged(in.ResourceARN, false)
		if err != nil {
			return nil, err
		}
		return &ListTagsForResourceOutput{Tags: sortedTags(*r.tags)}, nil
	})
}

// tagged returns the resource of an ARN. change says that its tags are about to
// be changed.
func (c *control) tagged(text *string, change bool) (tagged, error) {
	if text == nil {
		return tagged{}, missing("resourceARN")
	}
	p, ok := parseARN(*text)
	if !ok {
		return tagged{}, errorf(CodeInvalidArgument, msgBadARN, *text)
	}
	switch p.kind {
	case "channel":
		ch, err := c.channel(text)
		if err != nil {
			return tagged{}, err
		}
		return tagged{"channel", "channel " + ch.name, &ch.tags}, nil
	case "queue":
		q, err := c.queue(text)
		if err != nil {
			return tagged{}, err
		}
		return tagged{"queue", "queue " + q.name, &q.tags}, nil
	case "consumer":
		cons, err := c.consumerByARN(*text, p)
		if err != nil {
			return tagged{}, err
		}
		return tagged{"consumer", "consumer " + cons.name, &cons.tags}, nil
	default:
		st, err := c.stream(nil, text)
		if err == nil && change {
			err = st.needOpen()
		}
		if err != nil {
			return tagged{}, err
		}
		return st.tagged(), nil
	}
}

func (c *control) addTags(r tagged, tags map[string]string) error {
	if len(tags) == 0 {
		return missing("tags")
	}
	if err := c.checkNewTags(r.label, r.kind, *r.tags, tags); err != nil {
		return err
	}
	*r.tags = addTags(*r.tags, tags)
	return nil
}

// addTags returns a map with the tags of both.
func addTags(tags, more map[string]string) map[string]string {
	if tags == nil {
		tags = make(map[string]string, len(more))
	}
	maps.Copy(tags, more)
	return tags
}

func (c *control) removeTags(r tagged, keys []string) error {
	if len(keys) == 0 {
		return missing("tagKeys")
	}
	if err := c.checkTagTexts("remove tags from", r.label, keys); err != nil {
		return err
	}
	for _, key := range keys {
		delete(*r.tags, key)
	}
	return nil
}

// checkNewTags checks whether a resource with tags may get more of them.
func (c *control) checkNewTags(label, kind string, tags, more map[string]string) error {
	keys := slices.Sorted(maps.Keys(more))
	for _, key := range keys {
		if err := checkTagLength(key, more[key]); err != nil {
			return err
		}
	}
	if err := c.checkTagTexts("add tags to", label, append(keys, slices.Collect(maps.Values(more))...)); err != nil {
		return err
	}
	n := len(tags)
	for _, key := range keys {
		if strings.HasPrefix(key, reservedPrefix) {
			return errorf(CodeInvalidArgument, msgTagReserved, label, c.a.config.ID)
		}
		if _, ok := tags[key]; !ok {
			n++
		}
	}
	if most := c.a.config.Quotas.Tags; n > most {
		return errorf(CodeInvalidArgument, msgTagLimit, label, c.a.config.ID, kind, most)
	}
	return nil
}

func checkTagLength(key, value string) error {
	const member = "tags"
	switch n := utf8.RuneCountInString(key); {
	case n < 1 || n > maxTagKey:
		return invalid("'{"+key+"="+value+"}'", member, "Map keys must satisfy constraint: "+
			"[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]")
	case utf8.RuneCountInString(value) > maxTagValue:
		return invalid("'{"+key+"="+value+"}'", member, "Map value must satisfy constraint: "+
			"[Member must have length less than or equal to 256, Member must have length greater than or equal to 0]")
	default:
		return nil
	}
}

// checkTagTexts checks the characters of keys and values. There are two
// messages: the service first refuses what it says is invalid, and then commas
// and percent signs, although it names them among the valid ones.
func (c *control) checkTagTexts(verb, label string, texts []string) error {
	illegal := false
	for _, text := range texts {
		for _, r := range text {
			switch {
			case r == ',' || r == '%':
				illegal = true
			case !isTagRune(r):
				return errorf(CodeInvalidArgument, msgTagInvalid)
			}
		}
	}
	if illegal {
		return errorf(CodeInvalidArgument, msgTagIllegal, verb, label, c.a.config.ID)
	}
	return nil
}

// isTagRune reports whether tags may have a character without question.
func isTagRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) || unicode.Is(unicode.Z, r) ||
		strings.ContainsRune("_.:/=+-@", r) && r != utf8.RuneError
}

func sortedTags(tags map[string]string) []Tag {
	list := []Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, Tag{Key: key, Value: tags[key]})
	}
	return list
}
