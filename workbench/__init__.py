"""The eMediasec workbench: IMS media plane security, built live, captured, decoded and explained."""
