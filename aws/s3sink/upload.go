package s3sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/weirstream/weir/delivery"
)

// An upload may outlive its context by abortTime, to be given up, which is tried
// again after abortPause.
const (
	abortTime  = 5 * time.Second
	abortPause = 200 * time.Millisecond
)

// upload stores an object in parts. If it cannot be finished, the parts are
// removed.
func (s *Sink) upload(ctx context.Context, key string, o *delivery.Object) error {
	created, err := s.config.Client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.config.Bucket, Key: &key, ContentType: optional(o.ContentType), ContentEncoding: optional(o.ContentEncoding),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject,
		StorageClass: s.config.StorageClass, ServerSideEncryption: s.config.Encryption, SSEKMSKeyId: optional(s.config.KMSKey),
		ExpectedBucketOwner: optional(s.config.Owner),
	})
	if err != nil {
		return err
	}
	if aws.ToString(created.UploadId) == "" {
		return errors.New("the store has given the upload no id")
	}
	if err = s.parts(ctx, key, *created.UploadId, o.Body); err == nil {
		return nil
	}
	if failed := s.abort(ctx, key, *created.UploadId); failed != nil {
		return fmt.Errorf("%w; the parts of upload %s could not be removed: %w", err, *created.UploadId, failed)
	}
	return err
}

// abort removes the parts of an upload. If calls were given up because ctx has
// ended, the store may still be at work on a part: then it is asked again, until
// it does not know the upload any more.
func (s *Sink) abort(ctx context.Context, key, id string) error {
	again := 0
	if ctx.Err() != nil {
		again = 3
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	for {
		_, err := s.config.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: &s.config.Bucket, Key: &key, UploadId: &id, ExpectedBucketOwner: optional(s.config.Owner),
		})
		var answer smithy.APIError
		if errors.As(err, &answer) && answer.ErrorCode() == "NoSuchUpload" {
			return nil
		}
		if err != nil || again == 0 {
			return err
		}
		again--
		time.Sleep(abortPause)
	}
}

// parts uploads all parts, and makes an object of them.
func (s *Sink) parts(ctx context.Context, key, id string, body []byte) error {
	size := max(s.config.PartBytes, (len(body)+MaxParts-1)/MaxParts)
	parts := make([]types.CompletedPart, (len(body)+size-1)/size)
	if err := s.each(ctx, len(parts), func(i int) (err error) {
		parts[i], err = s.part(ctx, key, id, i+1, body[i*size:min((i+1)*size, len(body))])
		return err
	}); err != nil {
		return err
	}
	sum := checksum(body)
	out, err := s.config.Client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.config.Bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		ChecksumCRC32C: &sum, ChecksumType: types.ChecksumTypeFullObject, MpuObjectSize: aws.Int64(int64(len(body))),
		ExpectedBucketOwner: optional(s.config.Owner),
	})
	if err != nil {
		return err
	}
	return same(sum, out.ChecksumCRC32C)
}

// each calls f with each index, some at a time, until one fails, and returns the
// first error. Those that are under way then come to their end: a part that is
// given up in the middle may yet arrive, after the upload was removed.
func (s *Sink) each(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	var next atomic.Int64
	for range min(s.config.Parallel, n) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

func (s *Sink) part(ctx context.Context, key, id string, number int, body []byte) (types.CompletedPart, error) {
	sum := checksum(body)
	n := aws.Int32(int32(number))
	out, err := s.config.Client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.config.Bucket, Key: &key, UploadId: &id, PartNumber: n, Body: bytes.NewReader(body),
		ContentLength: aws.Int64(int64(len(body))), ChecksumCRC32C: &sum, ExpectedBucketOwner: optional(s.config.Owner),
	})
	if err != nil {
		return types.CompletedPart{}, fmt.Errorf("part %d: %w", number, err)
	}
	if err := same(sum, out.ChecksumCRC32C); err != nil {
		return types.CompletedPart{}, fmt.Errorf("part %d: %w", number, err)
	}
	return types.CompletedPart{PartNumber: n, ETag: out.ETag, ChecksumCRC32C: &sum}, nil
}
