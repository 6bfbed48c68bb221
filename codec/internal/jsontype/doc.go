// Package jsontype tells how encoding/json sees Go types: which fields a struct
// has and what they are called, and what the keys of a map are as text. The
// encoders and decoders that meet binary values, which JSON has not, follow it.
package jsontype
