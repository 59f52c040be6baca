"""Makes a model folder of settings that Splink itself wrote."""
