package kinesisserver

import "strings"

// A protocol is how bodies are written.
type protocol uint8

const (
	protocolNone protocol = iota // not one that is served
	protocolJSON
	protocolCBOR
	protocolOldJSON // application/json, which the service refuses in its own way
)

const (
	contentTypeJSON    = "application/x-amz-json-1.1"
	contentTypeCBOR    = "application/x-amz-cbor-1.1"
	contentTypeOldJSON = "application/json"
	contentTypeEvents  = "application/vnd.amazon.eventstream"
)

func (p protocol) contentType() string {
	switch p {
	case protocolJSON:
		return contentTypeJSON
	case protocolCBOR:
		return contentTypeCBOR
	case protocolOldJSON:
		return contentTypeOldJSON
	}
	return ""
}

// parse reads a body.
func (p protocol) parse(body []byte) (value, error) {
	if p == protocolCBOR {
		return parseCBOR(body)
	}
	return parseJSON(body)
}

// protocolOf returns the protocol that a content type stands for, parameters
// such as a character set aside.
func protocolOf(contentType string) protocol {
	contentType, _, _ = strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(contentType)) {
	case contentTypeJSON:
		return protocolJSON
	case contentTypeCBOR:
		return protocolCBOR
	case contentTypeOldJSON:
		return protocolOldJSON
	}
	return protocolNone
}
