package msgpack

// Raw is a MessagePack value as it is, the counterpart of json.RawMessage:
// DecodeValue copies the value into it, AppendValue checks it and copies it
// out, dates in the form that they have. nil goes out as nil.
type Raw []byte

func appendRaw(dst []byte, raw Raw) ([]byte, error) {
	if raw == nil {
		return append(dst, codeNil), nil
	}
	if err := isOne(raw); err != nil {
		return dst, err
	}
	return append(dst, raw...), nil
}
