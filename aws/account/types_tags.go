package account

// A Tag is a key and a value attached to a resource.
type Tag struct {
	Key   string
	Value string // may be empty; always given
}

// AddTagsToStreamInput is the input of [Account.AddTagsToStream].
type AddTagsToStreamInput struct {
	StreamName *string
	StreamARN  *string
	StreamId   *string
	Tags       map[string]string // required
}

// AddTagsToStreamOutput is empty.
type AddTagsToStreamOutput struct{}

// RemoveTagsFromStreamInput is the input of [Account.RemoveTagsFromStream].
type RemoveTagsFromStreamInput struct {
	StreamName *string
	StreamARN  *string
	StreamId   *string
	TagKeys    []string // required; 1 to 50
}

// RemoveTagsFromStreamOutput is empty.
type RemoveTagsFromStreamOutput struct{}

// ListTagsForStreamInput is the input of [Account.ListTagsForStream].
type ListTagsForStreamInput struct {
	StreamName           *string
	StreamARN            *string
	StreamId             *string
	ExclusiveStartTagKey *string
	Limit                *int32 // absent means all
}

// ListTagsForStreamOutput is the output of [Account.ListTagsForStream].
type ListTagsForStreamOutput struct {
	Tags        []Tag
	HasMoreTags bool
}

// TagResourceInput is the input of [Account.TagResource].
type TagResourceInput struct {
	ResourceARN *string // required; a stream, consumer, channel or queue
	StreamId    *string
	Tags        map[string]string // required
}

// TagResourceOutput is empty.
type TagResourceOutput struct{}

// UntagResourceInput is the input of [Account.UntagResource].
type UntagResourceInput struct {
	ResourceARN *string // required
	StreamId    *string
	TagKeys     []string // required; 1 to 50
}

// UntagResourceOutput is empty.
type UntagResourceOutput struct{}

// ListTagsForResourceInput is the input of [Account.ListTagsForResource].
type ListTagsForResourceInput struct {
	ResourceARN *string // required
	StreamId    *string
}

// ListTagsForResourceOutput is the output of [Account.ListTagsForResource].
type ListTagsForResourceOutput struct {
	Tags []Tag
}

// PutResourcePolicyInput is the input of [Account.PutResourcePolicy].
type PutResourcePolicyInput struct {
	ResourceARN *string // required; a stream, consumer or queue
	StreamId    *string
	Policy      *string // required; a JSON object
}

// PutResourcePolicyOutput is empty.
type PutResourcePolicyOutput struct{}

// GetResourcePolicyInput is the input of [Account.GetResourcePolicy].
type GetResourcePolicyInput struct {
	ResourceARN *string // required
	StreamId    *string
}

// GetResourcePolicyOutput is the output of [Account.GetResourcePolicy].
type GetResourcePolicyOutput struct {
	Policy string // "{}" when there is none
}

// DeleteResourcePolicyInput is the input of [Account.DeleteResourcePolicy].
type DeleteResourcePolicyInput struct {
	ResourceARN *string // required
	StreamId    *string
}

// DeleteResourcePolicyOutput is empty.
type DeleteResourcePolicyOutput struct{}
