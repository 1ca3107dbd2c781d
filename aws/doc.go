// Package aws holds nothing itself: the packages below it speak to AWS and to
// those who do. They are a module of their own so that the engine's users do not
// download the AWS SDK.
package aws
