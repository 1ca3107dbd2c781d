package s3sink_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// A double is a store in memory with one bucket. What a call is to do before it
// is done stands in before, by the call's name.
type double struct {
	bucket string
	before func(ctx context.Context, call string, part int) error

	mu      sync.Mutex // guards what follows
	calls   []string
	objects map[string][]byte
	puts    map[string]*s3.PutObjectInput
	uploads map[string]map[int32][]byte // by id, then by the number of the part
	created map[string]*s3.CreateMultipartUploadInput
	under   int // how many parts are under way
	most    int // at most
	lies    string
}

func newDouble() *double {
	return &double{
		bucket: "lake", objects: make(map[string][]byte), puts: make(map[string]*s3.PutObjectInput),
		uploads: make(map[string]map[int32][]byte), created: make(map[string]*s3.CreateMultipartUploadInput),
	}
}

// call notes a call, and returns what is to happen to it.
func (d *double) call(ctx context.Context, name string, bucket *string, part int) error {
	d.mu.Lock()
	d.calls = append(d.calls, name)
	d.mu.Unlock()
	if d.before != nil {
		if err := d.before(ctx, name, part); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if *bucket != d.bucket {
		return &smithy.GenericAPIError{Code: "NoSuchBucket", Message: "there is no " + *bucket}
	}
	return nil
}

// read reads a body, which has the length that was announced.
func read(r io.Reader, length int64) ([]byte, error) {
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return nil, fmt.Errorf("the body has more than %d bytes", length)
	}
	return body, nil
}

func (d *double) sum(given *string) *string {
	if d.lies != "" {
		return &d.lies
	}
	return given
}

func (d *double) HeadBucket(ctx context.Context, in *s3.HeadBucketInput, _ ...func(*s3.Options)) (*s3.HeadBucketOutput, error) {
	return &s3.HeadBucketOutput{}, d.call(ctx, "HeadBucket", in.Bucket, 0)
}

func (d *double) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if err := d.call(ctx, "PutObject", in.Bucket, 0); err != nil {
		return nil, err
	}
	body, err := read(in.Body, *in.ContentLength)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.objects[*in.Key], d.puts[*in.Key] = body, in
	return &s3.PutObjectOutput{ChecksumCRC32C: d.sum(in.ChecksumCRC32C)}, err
}

func (d *double) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	if err := d.call(ctx, "CreateMultipartUpload", in.Bucket, 0); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := fmt.Sprintf("upload-%d", len(d.created))
	d.uploads[id], d.created[id] = make(map[int32][]byte), in
	return &s3.CreateMultipartUploadOutput{UploadId: &id}, nil
}

func (d *double) UploadPart(ctx context.Context, in *s3.UploadPartInput, _ ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	d.mu.Lock()
	d.under++
	d.most = max(d.most, d.under)
	d.mu.Unlock()
	err := d.call(ctx, "UploadPart", in.Bucket, int(*in.PartNumber))
	body, readErr := read(in.Body, *in.ContentLength)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.under--
	if err := cmp.Or(err, readErr); err != nil {
		return nil, err
	}
	d.uploads[*in.UploadId][*in.PartNumber] = body
	return &s3.UploadPartOutput{ETag: aws.String(fmt.Sprintf("etag-%d", *in.PartNumber)), ChecksumCRC32C: in.ChecksumCRC32C}, nil
}

func (d *double) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	if err := d.call(ctx, "CompleteMultipartUpload", in.Bucket, 0); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var body []byte
	for i, p := range in.MultipartUpload.Parts {
		if *p.PartNumber != int32(i+1) || *p.ETag != fmt.Sprintf("etag-%d", i+1) {
			return nil, &smithy.GenericAPIError{Code: "InvalidPart"}
		}
		body = append(body, d.uploads[*in.UploadId][*p.PartNumber]...)
	}
	if int64(len(body)) != *in.MpuObjectSize {
		return nil, &smithy.GenericAPIError{Code: "InvalidRequest"}
	}
	delete(d.uploads, *in.UploadId)
	d.objects[*in.Key] = body
	return &s3.CompleteMultipartUploadOutput{ChecksumCRC32C: d.sum(in.ChecksumCRC32C)}, nil
}

func (d *double) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, _ ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	if err := d.call(ctx, "AbortMultipartUpload", in.Bucket, 0); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.uploads[*in.UploadId] == nil {
		return nil, &smithy.GenericAPIError{Code: "NoSuchUpload"}
	}
	delete(d.uploads, *in.UploadId)
	return &s3.AbortMultipartUploadOutput{}, nil
}
