package kinesistest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/weirstream/weir/aws/account"
)

// maxSkew is how far the time of a signature may be from the service's.
const maxSkew = 15 * time.Minute

// signatureForm is how times of signatures are written.
const signatureForm = "20060102T150405Z"

// date returns the time that the service tells a client, whose clock is ahead of
// it by [Config.ClientSkew].
func (k *Fake) date() string {
	return k.Now().Add(-k.config.ClientSkew).UTC().Format(http.TimeFormat)
}

// skewed returns why the service refuses a request that was signed by a clock
// that is far from its own, or nil.
func (k *Fake) skewed(r *http.Request) error {
	if k.config.ClientSkew == 0 {
		return nil
	}
	signed, err := time.Parse(signatureForm, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return nil
	}
	now := k.Now().Add(-k.config.ClientSkew).UTC()
	words := ""
	switch {
	case signed.Before(now.Add(-maxSkew)):
		words = fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 15 min.)",
			signed.Format(signatureForm), now.Add(-maxSkew).Format(signatureForm), now.Format(signatureForm))
	case signed.After(now.Add(maxSkew)):
		words = fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 15 min.)",
			signed.Format(signatureForm), now.Add(maxSkew).Format(signatureForm), now.Format(signatureForm))
	default:
		return nil
	}
	return &account.Error{Code: "InvalidSignatureException", Message: words, HTTPStatus: http.StatusBadRequest}
}
